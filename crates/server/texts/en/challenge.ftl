# The hosted challenge page. Every text may use any of these, where the page knows them:
#   $project  the site's name                 $action   login, signup, access, other
#   $custom   a custom action's name          $address  a masked address or number
#   $channel  email or sms                    $length   digits in a code
#   $minutes  minutes a code still works      $attempts tries left
#   $wait     a ready duration ("2 minutes")  $clock    a wait as 0:24

## Around every page

page-title = { $heading } · { $project }
page-title-error = Error: { $heading } · { $project }
logo-alt = { $project }

## What is being confirmed

confirming-heading = What you’re confirming
confirming-action = Action
confirming-device = Device
confirming-place = Place
confirming-time = Time
action = { $action ->
    [login] Log in
    [signup] Sign up
    [access] Open protected content
   *[other] { $custom }
  }
moment = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
  } { $year }, { $time } { $zone }
duration-minutes = { $count ->
    [one] 1 minute
   *[other] { $count } minutes
  }
duration-hours = { $count ->
    [one] 1 hour
   *[other] { $count } hours
  }

## Links

link-primary = Continue
link-create-account = Create my own account
link-secondary = More options
link-logout = Log out
link-back = Back to { $project }
skip-button = Skip for now

## Choose

choose-title = Confirm it’s you
choose-lead = { $action ->
    [login] Before you’re logged in to { $project }, we’ll send you a code to enter here.
    [signup] Before your account at { $project } is ready, we’ll send you a code to enter here.
    [access] Before this opens, we’ll send you a code to enter here.
   *[other] Before this goes ahead, we’ll send you a code to enter here.
  }
choose-title-sharing = Is this your account?
choose-lead-sharing = This { $project } account is in use on several devices. If it’s yours, prove it with a code.
choose-owner-heading = I’m the owner
choose-where = Where should we send the code?
choose-email = Email
choose-sms = Text message
choose-only = We’ll send it to { $value }
choose-send-email = Email the code
choose-send-sms = Text the code
choose-guest-heading = I’m using someone else’s account
choose-failed = We couldn’t send a code that way. Try again, or choose another way.

## Enter the code

enter-code-title = Enter the code
enter-code-lead = { $channel ->
    [sms] We texted a code to { $value }
   *[email] We emailed a code to { $value }
  }
enter-code-label = { $length }-digit code
enter-code-lifetime = { $minutes ->
    [one] It works for one more minute.
   *[other] It works for { $minutes } more minutes.
  }
enter-code-automatic = We check it as soon as the last digit is in.
enter-code-submit = Confirm
enter-code-wrong = That code isn’t right. Check the newest message and try again.
enter-code-expired = That code has expired. Ask for a new one below.
enter-code-new = A new code is on its way. Earlier codes no longer work.
enter-code-undelivered = We couldn’t deliver the code. Ask for a new one, or choose another way.
enter-code-too-soon = Please wait a little before asking for another code. You can ask again in { $clock }.
enter-code-attempts = { $attempts ->
    [one] You have one try left.
   *[other] You have { $attempts } tries left.
  }
resend-heading = Nothing arrived?
resend-hint = { $channel ->
    [sms] It can take a minute.
   *[email] It can take a minute. Look in your spam folder too.
  }
resend-button = Send a new code
resend-wait = You can ask for a new code in { $value }.
resend-ready = You can ask for a new code now.
resend-spent = No more codes can be sent this time. The newest one still works.
change-channel = Choose another way
change-phone = Change the number

## One proven, another to go

next-channel-title = One more step
next-channel-proven = { $channel ->
    [sms] Your email is confirmed. Now confirm your phone.
   *[email] Your phone is confirmed. Now confirm your email.
  }
next-channel-where = We’ll send the next code to { $value }

## Devices to log out

devices-title = Too many devices
devices-proven = Thank you, that’s you.
devices-lead = { $over ->
    [one] This account is on one device more than { $project } allows. Choose one to log out; then you go on.
   *[other] This account is on { $over } devices more than { $project } allows. Choose which to log out; then you go on.
  }
devices-enough = Enough devices are logged out now.
devices-seen = Last used
devices-computer = Computer
devices-tablet = Tablet
devices-mobile = Phone
devices-unknown = Device
devices-log-out = Log out
devices-go-on = Go on

## A phone number is needed

phone-needed-title = Add your phone number
phone-needed-lead = { $project } asks for a phone number here. We’ll text it a code to make sure it’s yours.
phone-needed-label = Phone number
phone-needed-hint = With the country code, such as +33 6 12 34 56 78
phone-needed-submit = Text me a code
phone-needed-invalid = That doesn’t look like a phone number. Start with + and the country code.
phone-needed-refused = We can’t text that number. Try another one.

## Ends, and what to do next

unreachable-title = We can’t reach you
unreachable-lead = There is no email address or phone number we can send a code to.
unreachable-next = Ask { $project } for help to add one, then try again.
limit-reached-title = Too many codes
limit-reached-lead = To keep accounts safe, only so many codes are sent in a short time.
limit-reached-next = You can try again in { $wait }.
limit-reached-next-unknown = Please try again later.
limit-reached-retry = Try again
completed-title = That’s you, thank you
completed-lead = You’ve confirmed it. Nothing else is needed here.
completed-next = Continue to { $project }
completed-next-none = You can close this page.
failed-title = Too many wrong codes
failed-lead = For your safety this confirmation has ended, and nothing went ahead.
failed-next = Go back to { $project } and start again.
reported-title = This was reported
reported-lead = Someone told us that this wasn’t them, so it has been stopped.
reported-next = If it was you after all, go back to { $project } and start again.
expired-title = This took too long
expired-lead = This confirmation has expired, and nothing went ahead.
expired-next = Go back to { $project } and start again.
skipped-title = Skipped
skipped-lead = You skipped this confirmation. You may be asked again another time.
skipped-next = You can go on with { $project } now.
overridden-title = There’s a newer one
overridden-lead = A newer confirmation has replaced this one.
overridden-next = Finish the newest one, in the tab or window that opened last.
other-browser-title = Go back to where you began
other-browser-lead = This confirmation was opened in another browser. To keep your account safe, it can only be finished there.
other-browser-next = Return to that browser. If someone sent you this link, close this page.

## This wasn’t me

report-ask-title = Was this not you?
report-ask-lead = Someone tried this at { $project }. If it wasn’t you, tell us: we stop it at once, and the code no longer works.
report-ask-submit = This wasn’t me
report-ask-otherwise = If it was you, simply close this page. Nothing has changed.
report-done-title = Stopped
report-done-lead = Thank you. This has been stopped, and { $project } has been told.
report-done-next = Never share a code with anyone, not even with someone who says they work at { $project }.

## No challenge to speak of

not-found-title = Nothing here
not-found-lead = This link is wrong or no longer exists.
not-found-next = Go back to the site you came from and start again.
problem-title = Something went wrong
problem-lead = The fault is on our side, and nothing has been lost.
problem-next = Wait a moment, then try again.
problem-retry = Try again

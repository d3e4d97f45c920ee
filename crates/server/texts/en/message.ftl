# The messages that carry a code. Every text may use: $project, $code, $action (login, signup, access, other), $custom
# (a custom action's name), $device, $place, $time, $minutes and $url.

# The code comes first, so that a long name never pushes it out of sight.
email-subject = { $code } is your { $project } code
email-preheader = { $action ->
    [login] Enter it to log in. It works for { lifetime }.
    [signup] Enter it to sign up. It works for { lifetime }.
    [access] Enter it to go on. It works for { lifetime }.
   *[other] Enter it to go on. It works for { lifetime }.
  }
email-heading = Your code
email-lead = { $action ->
    [login] Enter this code to log in to { $project }.
    [signup] Enter this code to finish signing up at { $project }.
    [access] Enter this code to open protected content at { $project }.
   *[other] Enter this code to go on at { $project }.
  }
email-lifetime = It works for { lifetime }, once. Never share it with anyone, not even with someone who says they work at { $project }.
email-confirming = What you’re confirming
email-site = Site
email-action = Action
email-device = Device
email-place = Place
email-time = Time
email-not-you = Wasn’t this you? Someone may be trying to get in. Stop it here:
email-report = This wasn’t me
email-footer = You get this message because someone used your address at { $project }. It needs no answer.
lifetime = { $minutes ->
    [one] 1 minute
   *[other] { $minutes } minutes
  }

# A text message pays by the character, and 160 plain ones are its size: short words, straight quotes.
sms-code = { $action ->
    [login] { $code } is your { $project } code to log in.
    [signup] { $code } is your { $project } code to sign up.
    [access] { $code } is your { $project } code.
   *[other] { $code } is your { $project } code for: { $custom }.
  }
sms-lifetime = Valid { $minutes } min.
sms-facts = { $facts }.
sms-report = Not you? { $url }

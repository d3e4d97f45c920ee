//! Passing a challenge, and what every page has in common.

use serde_json::json;

use crate::{
    app::{MINUTE, TestApp},
    people::Page,
    wire::Request,
};

/// What every page of ours says to the browser.
#[track_caller]
fn is_safe(page: &Page) {
    let header =
        |name: &str| page.answer.header(name).unwrap_or_else(|| panic!("no {name}: {:?}", page.answer.headers));
    let policy = header("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("x-frame-options"), "DENY");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("cache-control"), "no-store");
    assert!(header("x-request-id").starts_with("req_"));
    let html = page.html();
    for inline in ["<style", " style=\"", " onclick", "javascript:"] {
        assert!(!html.contains(inline), "{inline} in {html}");
    }
    assert!(html.len() < 30 * 1024);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_passes_and_goes_back_with_the_evaluation() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    let first = browser.open(&told.page()).await;
    assert_eq!(first.heading(), "Confirm it’s you");
    is_safe(&first);
    let sent = browser.send_code(&told, &first.csrf(), "email").await;
    assert_eq!(sent.location(), told.page());
    let entry = browser.open(&told.page()).await;
    assert_eq!(entry.heading(), "Enter the code");
    is_safe(&entry);
    let mail = app.mail.nth_to("ada@example.com", 1).await;
    assert!(mail.subject.contains(&mail.code()) && mail.subject.contains("The Shop"), "{}", mail.subject);
    assert!(mail.html.contains(&mail.code()));
    let passed = browser.try_code(&told, &mail.code()).await;
    let wanted = format!("https://shop.example/verified?from=a%20b&n=1&evaluation={}", told.evaluation);
    assert_eq!(passed.location(), wanted);

    let again = browser.open(&told.page()).await;
    assert_eq!(again.heading(), "That’s you, thank you");
    assert!(
        again.html().contains(&wanted.replace('&', "&#38;")) || again.html().contains(&wanted.replace('&', "&amp;"))
    );
    is_safe(&again);
    let challenge = app.site().challenge(&told.challenge()).await;
    assert_eq!((&challenge["status"], &challenge["email_verified"]), (&json!("completed"), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_addresses_of_the_page_show_it() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    let page = browser.open(&format!("/?challenge={}", told.challenge())).await;
    assert_eq!(page.heading(), "Confirm it’s you");
    assert_eq!(browser.open(&told.page()).await.csrf(), page.csrf());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_message_passes_too() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let fields = json!({"user": "ada", "email": "ada@example.com", "phone": "+33612345678"});
    let told = browser.evaluate("checkout", fields).await;
    browser.ask_for_code(&told, "sms").await;
    let message = app.sms.nth_to("+33612345678", 1).await;
    assert!(message.text.ends_with(&format!("\n\n@127.0.0.1 #{}", message.code())), "{}", message.text);
    assert!(browser.try_code(&told, &message.code()).await.location().starts_with("https://shop.example/verified"));
    let challenge = app.site().challenge(&told.challenge()).await;
    assert_eq!((&challenge["channels"], &challenge["phone_verified"]), (&json!(["text"]), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_may_be_typed_as_people_type() {
    let app = TestApp::start().await;
    for (n, write) in [|c: &str| format!(" {} {} ", &c[..3], &c[3..]), |c: &str| format!("{}-{}", &c[..3], &c[3..])]
        .into_iter()
        .enumerate()
    {
        let (browser, user) = (app.browser(), format!("user{n}"));
        let told = browser.log_in(&user).await;
        browser.ask_for_code(&told, "email").await;
        let code = app.mail.nth_to(&format!("{user}@example.com"), 1).await.code();
        assert!(browser.try_code(&told, &write(&code)).await.location().starts_with("https://"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_holds_the_address_or_the_code() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let fields = json!({"user": "ada", "email": "ada.lovelace@example.com", "phone": "+33612345678"});
    let told = browser.evaluate("checkout", fields).await;
    let mut pages = vec![browser.open(&told.page()).await];
    browser.send_code(&told, &pages[0].csrf(), "email").await;
    let code = app.mail.nth_to("ada.lovelace@example.com", 1).await.code();
    pages.push(browser.open(&told.page()).await);
    pages.push(browser.open(&format!("{}?change=channel", told.page())).await);
    pages.push(app.browser().open(&told.page()).await);
    pages.push(browser.open(&format!("{}?notice=wrong", told.page())).await);
    browser.try_code(&told, &code).await;
    pages.push(browser.open(&told.page()).await);
    for page in pages {
        is_safe(&page);
        let html = page.html();
        for secret in [code.as_str(), "lovelace", "example.com", "612345678", "secret=query"] {
            assert!(!html.contains(secret), "{secret} in {html}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_the_address_leads_elsewhere() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    let hostile = "success_url=https://evil.example/&next=https://evil.example/&redirect=//evil.example&return_to=https:%5C%5Cevil.example&notice=%3Cscript%3Eevil.example&change=https://evil.example";
    let page = browser.open(&format!("{}?{hostile}", told.page())).await;
    assert_eq!(page.heading(), "Confirm it’s you");
    assert!(!page.html().contains("evil.example"));
    let csrf = page.csrf();
    let sent =
        browser.submit(&format!("{}/send?{hostile}", told.page()), &[("csrf", &csrf), ("channel", "email")]).await;
    assert_eq!(sent.location(), told.page());
    let code = app.mail.nth_to("ada@example.com", 1).await.code();
    let fields = [("csrf", csrf.as_str()), ("code", &code), ("success_url", "https://evil.example/")];
    let passed = browser.submit(&format!("{}/verify?{hostile}", told.page()), &fields).await;
    assert!(passed.location().starts_with("https://shop.example/verified?"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_url_that_is_no_place_to_go_is_never_linked() {
    let app = TestApp::start().await;
    for url in ["javascript:alert(1)", "http://evil.example/", "data:text/html,x", "//evil.example"] {
        let browser = app.browser();
        let fields = json!({"user": "ada", "email": "ada@example.com", "page_url": url});
        let told = browser.evaluate("login", fields).await;
        app.pass(31 * MINUTE).await;
        let page = browser.open(&told.page()).await;
        assert_eq!(page.heading(), "This took too long");
        assert!(!page.html().contains(url), "{}", page.html());
        is_safe(&page);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_for_this_page_alone() {
    let app = TestApp::start().await;
    let told = app.browser().log_in("ada").await;
    let page = app.browser().open(&told.page()).await;
    let cookie = page.answer.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_challenge_says_so_and_nothing_more() {
    let app = TestApp::start().await;
    let foreign = app.other.id.to_string().replace("prj_", "chl_");
    for path in [
        "/challenge/chl_0",
        "/challenge/nonsense",
        "/?challenge=x",
        "/",
        "/challenge/%00",
        &format!("/challenge/{foreign}"),
    ] {
        let page = app.browser().open(path).await;
        assert_eq!((page.answer.status, page.heading().as_str()), (404, "Nothing here"), "{path}");
        is_safe(&page);
    }
    let answer = app.anon(Request::new("GET", "/challenge/")).await;
    answer.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_number_is_collected_once_and_proven() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.evaluate("topup", json!({"user": "ada", "email": "ada@example.com"})).await;
    let asks = browser.open(&told.page()).await;
    assert_eq!(asks.heading(), "Add your phone number");
    is_safe(&asks);
    let csrf = asks.csrf();
    let give = async |number: &str| {
        browser.submit(&format!("{}/phone", told.page()), &[("csrf", &csrf), ("phone", number)]).await
    };
    assert!(give("not a number").await.location().ends_with("?notice=phone_invalid"));
    assert!(
        browser
            .open(&format!("{}?notice=phone_invalid", told.page()))
            .await
            .html()
            .contains("look like a phone number")
    );
    assert_eq!(give("+33 6 12 34 56 78").await.location(), told.page());
    browser.send_code(&told, &csrf, "sms").await;
    let code = app.sms.nth_to("+33612345678", 1).await.code();
    assert_eq!(browser.try_code(&told, &code).await.location(), told.page(), "a number just typed proves nobody");
    assert!(give("+33 6 99 99 99 99").await.location().ends_with("?notice=phone_refused"), "what is proven stays");
    browser.send_code(&told, &csrf, "email").await;
    let code = app.mail.nth_to("ada@example.com", 1).await.code();
    assert!(browser.try_code(&told, &code).await.location().starts_with("https://"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_on_file_is_never_replaced_from_the_page() {
    let app = TestApp::start().await;
    let browser = app.browser();
    app.site()
        .post("/v3/user/ada/update", &json!({"phone": "+33611111111", "email": "ada@example.com"}))
        .await
        .expect(204);
    let told = browser.evaluate("topup", json!({"user": "ada", "phone": "+33699999999"})).await;
    let csrf = browser.open(&told.page()).await.csrf();
    let refused =
        browser.submit(&format!("{}/phone", told.page()), &[("csrf", &csrf), ("phone", "+33699999999")]).await;
    assert!(refused.location().ends_with("?notice=phone_refused"));
    browser.send_code(&told, &csrf, "sms").await;
    app.sms.nth_to("+33611111111", 1).await;
    assert!(app.sms.all_to("+33699999999").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_without_an_address_is_told() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.evaluate("login", json!({"user": "ada"})).await;
    let page = browser.open(&told.page()).await;
    assert_eq!(page.heading(), "We can’t reach you");
    is_safe(&page);
}

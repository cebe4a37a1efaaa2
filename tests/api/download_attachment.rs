//! `GET /v1/attachments/:id/file`

use crate::harness::World;
use crate::harness::s3::{downloads_from_s3, requests_s3, uploads_to_s3};

#[tokio::test]
async fn the_file_is_found_at_a_url_that_tells_nobody_where_it_was_found() {
    let world = World::new().await;
    let id = world.kevin.uploads("house.jpg", b"bytes").await;
    let found = world.kevin.gets_file(&id).await.is(302);
    assert_eq!(found.text, "");
    assert_eq!(found.header("cache-control"), "no-store");
    assert_eq!(found.header("referrer-policy"), "no-referrer");
}

#[tokio::test]
async fn a_part_of_the_file_can_be_downloaded() {
    let world = World::new().await;
    let id = world.kevin.uploads("house.jpg", b"0123456789").await;
    let found = world.kevin.gets_file(&id).await.is(302);
    let range = [("range".to_owned(), "bytes=2-4".to_owned())];
    let url = found.header("location");
    let part = requests_s3(reqwest::Method::GET, url, &range, &[]).await;
    assert_eq!((part.status.as_u16(), &*part.content), (206, &b"234"[..]));
}

#[tokio::test]
async fn browsers_save_the_file_under_its_name_and_run_nothing_in_it() {
    let world = World::new().await;
    for (form, content_type, disposition) in [
        (
            "filename=a%22b.svg&file_type=image/svg%2Bxml",
            "application/octet-stream",
            r#"attachment; filename="a_b.svg"; filename*=UTF-8''a%22b.svg"#,
        ),
        (
            "filename=%E2%82%AC.html&file_type=text/html",
            "application/octet-stream",
            r#"attachment; filename="_.html"; filename*=UTF-8''%E2%82%AC.html"#,
        ),
        (
            "filename=.htaccess&file_type=text/plain",
            "text/plain",
            r#"attachment; filename=".htaccess"; filename*=UTF-8''.htaccess"#,
        ),
        (
            "filename=100%25%20%2B%26=.pdf&file_type=application/pdf",
            "application/pdf",
            r#"attachment; filename="100_ +&=.pdf"; filename*=UTF-8''100%25%20+&%3D.pdf"#,
        ),
    ] {
        let form = format!("{form}&file_size=1");
        let created = world.kevin.tries_to_create_attachment(&form).await.is(201);
        let created = created.json();
        assert_eq!(uploads_to_s3(&created["upload"], b"x").await, 200);
        let found = world.kevin.gets_file(created["id"].as_str().unwrap()).await;
        let file = downloads_from_s3(found.is(302).header("location")).await;
        assert_eq!(file.status, 200);
        assert_eq!(file.header("content-type"), content_type);
        assert_eq!(file.header("content-disposition"), disposition);
        let forever = "private, max-age=31536000, immutable";
        assert_eq!(file.header("cache-control"), forever);
    }
}

#[tokio::test]
async fn who_has_left_or_was_removed_downloads_nothing_more() {
    let world = World::new().await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate, &world.linnie], "name=Home")
        .await;
    let id = kevin.uploads("house.jpg", b"bytes").await;
    kevin.tries_to_send_files("", &[&id]).await.is(201);
    let (kate, linnie) = (&world.kate, &world.linnie);
    for person in [kate, linnie] {
        person.gets_file(&id).await.is(302);
    }
    kevin.removes_participant(kate).await.is(204);
    linnie
        .within(kevin.conversation)
        .leaves_conversation()
        .await
        .is(204);
    for person in [kate, linnie] {
        let refused = person.gets_file(&id).await;
        refused.fails(404, "attachment_not_found", "id");
    }
    kevin.gets_file(&id).await.is(302);
}

#[tokio::test]
async fn a_participant_who_came_later_downloads_what_was_sent_before() {
    let world = World::new().await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate], "name=Home")
        .await;
    let id = kevin.uploads("house.jpg", b"bytes").await;
    kevin.tries_to_send_files("", &[&id]).await.is(201);
    world.linnie.gets_file(&id).await.is(404);
    kevin.adds_participant(&world.linnie).await.is(200);
    world.linnie.gets_file(&id).await.is(302);
}

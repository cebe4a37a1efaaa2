//! The demo data in a data file.

use local_stack::demo;
use local_stack::stack::Stack;
use shared::caller::Caller;

#[tokio::test]
async fn demo_data_in_a_file_is_loaded_once_and_keeps_later_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data");
    let stack = Stack::start(Some(&file)).await.unwrap();
    demo::load(&stack.store, &stack.bucket).await.unwrap();
    let kevin = Caller::with_token("citypay_demo_kevin");
    let id = demo::message_ids().unwrap()[0];
    stack.store.delete_message(&kevin, id, None).await.unwrap();
    drop(stack);
    let stack = Stack::start(Some(&file)).await.unwrap();
    demo::load(&stack.store, &stack.bucket).await.unwrap();
    let deleted = stack
        .store
        .get_message(&Caller::with_token("citypay_demo_kevin"), id)
        .await;
    assert!(
        matches!(deleted, Err(shared::Error::MessageNotFound)),
        "{deleted:?}"
    );
}

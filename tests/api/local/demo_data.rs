//! The demo data in a data file.

use local_stack::demo;
use local_stack::stack::Stack;
use shared::caller::Caller;

#[tokio::test]
async fn demo_data_in_a_file_is_loaded_once_and_keeps_later_changes() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let stack = Stack::start(Some(file.path())).await.unwrap();
    demo::load(&stack.store).await.unwrap();
    let kevin = Caller::with_token("citypay_demo_kevin");
    let id = demo::message_ids().unwrap()[0];
    stack.store.delete_message(&kevin, id, None).await.unwrap();
    drop(stack);
    let stack = Stack::start(Some(file.path())).await.unwrap();
    demo::load(&stack.store).await.unwrap();
    let deleted = stack
        .store
        .get_message(&Caller::with_token("citypay_demo_kevin"), id)
        .await;
    assert!(
        matches!(deleted, Err(shared::Error::MessageNotFound)),
        "{deleted:?}"
    );
}

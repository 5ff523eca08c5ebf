//! What the module offers to its host.

use std::cell::RefCell;

thread_local! {
    static MESSAGE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Makes room for a message and gives its address. What stood there before is gone.
#[expect(unsafe_code, reason = "a name for the host; the module has no other function of this name")]
#[unsafe(no_mangle)]
extern "C" fn probe_room(size: u32) -> u32 {
    MESSAGE.with_borrow_mut(|message| {
        *message = vec![0; size as usize];
        message.as_mut_ptr() as u32
    })
}

/// Answers the message and gives the answer's address.
#[expect(unsafe_code, reason = "a name for the host; the module has no other function of this name")]
#[unsafe(no_mangle)]
extern "C" fn probe_ask() -> u32 {
    let message = MESSAGE.take();
    ANSWER.with_borrow_mut(|answer| {
        *answer = crate::ask(&message);
        answer.as_ptr() as u32
    })
}

/// The size of the last answer, in bytes.
#[expect(unsafe_code, reason = "a name for the host; the module has no other function of this name")]
#[unsafe(no_mangle)]
extern "C" fn probe_answer_size() -> u32 {
    ANSWER.with_borrow(|answer| answer.len() as u32)
}

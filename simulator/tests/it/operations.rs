//! The random operations of `properties`.

use proptest::prelude::*;

/// What is done. A `u8` picks one of those there are, a `u16` an amount or a part of one.
#[derive(Debug, Clone)]
pub enum Action {
    Sell {
        amount: u16,
        fee: u16,
        card: u8,
        currency: u8,
    },
    Debit {
        amount: u16,
    },
    SettleDebit {
        which: u8,
        succeed: bool,
    },
    Refund {
        which: u8,
        part: u16,
        with_fee: bool,
        way: u8,
    },
    RefundFee {
        which: u8,
        part: u16,
    },
    EndRefund {
        which: u8,
        how: u8,
    },
    Dispute {
        which: u8,
        part: u16,
        inquiry: bool,
    },
    Answer {
        which: u8,
        evidence: u8,
    },
    EndDispute {
        which: u8,
        how: u8,
    },
    PayOut {
        part: u16,
    },
    EndPayout {
        which: u8,
        how: u8,
    },
    Schedule {
        which: u8,
        debits: bool,
    },
    Intend {
        amount: u16,
        fee: u16,
        method: u8,
        manual: bool,
    },
    EndIntent {
        which: u8,
        part: u16,
        how: u8,
    },
    Destination {
        amount: u16,
        fee: u16,
        method: u8,
        to: u8,
    },
    Transfer {
        part: u16,
        to: u8,
        of_charge: bool,
    },
    Reverse {
        which: u8,
        part: u16,
        with_fee: bool,
    },
    TopUp {
        amount: u16,
    },
    Subscribe {
        amount: u16,
        method: u8,
    },
    EndSubscription {
        which: u8,
        how: u8,
    },
    Mend,
    Advance {
        step: u8,
    },
}

/// An action on one of the sellers, and the fault that strikes its first request.
#[derive(Debug, Clone)]
pub struct Operation {
    pub seller: u8,
    pub action: Action,
    pub fault: Option<u8>,
}

fn action() -> impl Strategy<Value = Action> {
    let (n, part) = (any::<u8>(), any::<u16>());
    prop_oneof![
        6 => (part, part, n, n).prop_map(|(amount, fee, card, currency)| Action::Sell { amount, fee, card, currency }),
        1 => part.prop_map(|amount| Action::Debit { amount }),
        1 => (n, any::<bool>()).prop_map(|(which, succeed)| Action::SettleDebit { which, succeed }),
        4 => (n, part, any::<bool>(), n).prop_map(|(which, part, with_fee, way)| Action::Refund { which, part, with_fee, way }),
        1 => (n, part).prop_map(|(which, part)| Action::RefundFee { which, part }),
        2 => (n, n).prop_map(|(which, how)| Action::EndRefund { which, how }),
        1 => (n, part, any::<bool>()).prop_map(|(which, part, inquiry)| Action::Dispute { which, part, inquiry }),
        2 => (n, n).prop_map(|(which, evidence)| Action::Answer { which, evidence }),
        1 => (n, n).prop_map(|(which, how)| Action::EndDispute { which, how }),
        2 => part.prop_map(|part| Action::PayOut { part }),
        2 => (n, n).prop_map(|(which, how)| Action::EndPayout { which, how }),
        1 => (n, any::<bool>()).prop_map(|(which, debits)| Action::Schedule { which, debits }),
        4 => (part, part, n, any::<bool>()).prop_map(|(amount, fee, method, manual)| Action::Intend { amount, fee, method, manual }),
        3 => (n, part, n).prop_map(|(which, part, how)| Action::EndIntent { which, part, how }),
        2 => (part, part, n, n).prop_map(|(amount, fee, method, to)| Action::Destination { amount, fee, method, to }),
        3 => (part, n, any::<bool>()).prop_map(|(part, to, of_charge)| Action::Transfer { part, to, of_charge }),
        2 => (n, part, any::<bool>()).prop_map(|(which, part, with_fee)| Action::Reverse { which, part, with_fee }),
        1 => part.prop_map(|amount| Action::TopUp { amount }),
        2 => (part, n).prop_map(|(amount, method)| Action::Subscribe { amount, method }),
        1 => (n, n).prop_map(|(which, how)| Action::EndSubscription { which, how }),
        1 => Just(Action::Mend),
        6 => n.prop_map(|step| Action::Advance { step }),
    ]
}

pub fn operation() -> impl Strategy<Value = Operation> {
    let fault = prop_oneof![4 => Just(None), 1 => any::<u8>().prop_map(Some)];
    (any::<u8>(), action(), fault).prop_map(|(seller, action, fault)| Operation {
        seller,
        action,
        fault,
    })
}

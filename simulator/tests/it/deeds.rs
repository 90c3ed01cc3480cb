//! The random operations of `properties`.

use proptest::prelude::*;

/// What is done. A `u8` picks one of those there are, a `u16` an amount or a part of one.
#[derive(Debug, Clone)]
pub enum Deed {
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

/// A deed on one of the sellers, and the fault that strikes its first request.
#[derive(Debug, Clone)]
pub struct Op {
    pub seller: u8,
    pub deed: Deed,
    pub fault: Option<u8>,
}

fn deed() -> impl Strategy<Value = Deed> {
    let (n, part) = (any::<u8>(), any::<u16>());
    prop_oneof![
        6 => (part, part, n, n).prop_map(|(amount, fee, card, currency)| Deed::Sell { amount, fee, card, currency }),
        1 => part.prop_map(|amount| Deed::Debit { amount }),
        1 => (n, any::<bool>()).prop_map(|(which, succeed)| Deed::SettleDebit { which, succeed }),
        4 => (n, part, any::<bool>(), n).prop_map(|(which, part, with_fee, way)| Deed::Refund { which, part, with_fee, way }),
        1 => (n, part).prop_map(|(which, part)| Deed::RefundFee { which, part }),
        2 => (n, n).prop_map(|(which, how)| Deed::EndRefund { which, how }),
        1 => (n, part, any::<bool>()).prop_map(|(which, part, inquiry)| Deed::Dispute { which, part, inquiry }),
        2 => (n, n).prop_map(|(which, evidence)| Deed::Answer { which, evidence }),
        1 => (n, n).prop_map(|(which, how)| Deed::EndDispute { which, how }),
        2 => part.prop_map(|part| Deed::PayOut { part }),
        2 => (n, n).prop_map(|(which, how)| Deed::EndPayout { which, how }),
        1 => (n, any::<bool>()).prop_map(|(which, debits)| Deed::Schedule { which, debits }),
        4 => (part, part, n, any::<bool>()).prop_map(|(amount, fee, method, manual)| Deed::Intend { amount, fee, method, manual }),
        3 => (n, part, n).prop_map(|(which, part, how)| Deed::EndIntent { which, part, how }),
        2 => (part, part, n, n).prop_map(|(amount, fee, method, to)| Deed::Destination { amount, fee, method, to }),
        3 => (part, n, any::<bool>()).prop_map(|(part, to, of_charge)| Deed::Transfer { part, to, of_charge }),
        2 => (n, part, any::<bool>()).prop_map(|(which, part, with_fee)| Deed::Reverse { which, part, with_fee }),
        1 => part.prop_map(|amount| Deed::TopUp { amount }),
        2 => (part, n).prop_map(|(amount, method)| Deed::Subscribe { amount, method }),
        1 => (n, n).prop_map(|(which, how)| Deed::EndSubscription { which, how }),
        1 => Just(Deed::Mend),
        6 => n.prop_map(|step| Deed::Advance { step }),
    ]
}

pub fn op() -> impl Strategy<Value = Op> {
    let fault = prop_oneof![4 => Just(None), 1 => any::<u8>().prop_map(Some)];
    (any::<u8>(), deed(), fault).prop_map(|(seller, deed, fault)| Op {
        seller,
        deed,
        fault,
    })
}

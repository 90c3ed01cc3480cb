//! Customers and their payment methods (docs.stripe.com/api/customers, docs.stripe.com/api/payment_methods).

use std::collections::HashMap;

use souk_entity::Timestamp;
use souk_entity::customer::Address;
use stripe_client_core::{RequestBuilder, StripeRequest};
use stripe_core::customer::{
    CreateCustomer, ListCustomer, ListPaymentMethodsCustomer, OptionalFieldsCustomerAddress,
    RetrieveCustomer, RetrievePaymentMethodCustomer, UpdateCustomer, UpdateCustomerInvoiceSettings,
};
use stripe_payment::payment_method::DetachPaymentMethod;

use super::{LIMIT, created_since};

/// The `metadata` name that carries our customer's id.
pub const METADATA_CUSTOMER: &str = "souk_customer";

/// What is told of a customer. `None` leaves it as it is; an empty text removes it.
#[derive(Default)]
pub struct CustomerFields<'a> {
    /// `name`, and what receipts are sent to.
    pub name: Option<&'a str>,
    /// `email`.
    pub email: Option<&'a str>,
    /// `phone`.
    pub phone: Option<&'a str>,
    /// `address`, all of it; an empty one removes it.
    pub address: Option<Address>,
    /// Merged name by name.
    pub metadata: HashMap<String, String>,
    /// `invoice_settings[default_payment_method]`.
    pub default_payment_method: Option<&'a str>,
}

/// Creates a customer (docs.stripe.com/api/customers/create).
pub fn create(new: CustomerFields<'_>) -> impl StripeRequest + use<> {
    let mut request = CreateCustomer::new().metadata(new.metadata);
    if let Some(name) = new.name {
        request = request.name(name);
    }
    if let Some(email) = new.email {
        request = request.email(email);
    }
    if let Some(phone) = new.phone {
        request = request.phone(phone);
    }
    match new.address {
        Some(at) => request.address(address(at)),
        None => request,
    }
}

/// A change of a customer. async-stripe's has no way to say `address=`, which removes the address.
struct Update {
    request: UpdateCustomer,
    removes_address: bool,
}

impl StripeRequest for Update {
    type Output = <UpdateCustomer as StripeRequest>::Output;

    fn build(&self) -> RequestBuilder {
        let mut built = self.request.build();
        if self.removes_address {
            let rest = built.body.filter(|body| !body.is_empty());
            built.body =
                Some(rest.map_or_else(|| "address=".to_owned(), |rest| format!("{rest}&address=")));
        }
        built
    }
}

/// Changes a customer (docs.stripe.com/api/customers/update), and reads it with its tax ids.
pub fn update(customer: &str, change: CustomerFields<'_>) -> impl StripeRequest + use<> {
    let mut request = UpdateCustomer::new(customer).expand(vec!["tax_ids".to_owned()]);
    if let Some(name) = change.name {
        request = request.name(name);
    }
    if let Some(email) = change.email {
        request = request.email(email);
    }
    if let Some(phone) = change.phone {
        request = request.phone(phone);
    }
    let removes_address = change.address == Some(Address::default());
    if let Some(at) = change.address.filter(|_| !removes_address) {
        request = request.address(address(at));
    }
    if !change.metadata.is_empty() {
        request = request.metadata(change.metadata);
    }
    if let Some(method) = change.default_payment_method {
        let mut settings = UpdateCustomerInvoiceSettings::new();
        settings.default_payment_method = Some(method.to_owned());
        request = request.invoice_settings(settings);
    }
    Update {
        request,
        removes_address,
    }
}

/// An address, which replaces the one before as a whole.
fn address(at: Address) -> OptionalFieldsCustomerAddress {
    let mut address = OptionalFieldsCustomerAddress::new();
    address.line1 = at.line1;
    address.line2 = at.line2;
    address.postal_code = at.postal_code;
    address.city = at.city;
    address.state = at.state;
    address.country = at.country;
    address
}

/// Retrieves a customer with its tax ids. One that was deleted says only that.
pub fn retrieve(customer: &str) -> impl StripeRequest + use<> {
    RetrieveCustomer::new(customer).expand(vec!["tax_ids".to_owned()])
}

/// A page of the account's customers created since, newest first.
pub fn list(since: Timestamp, starting_after: Option<&str>) -> ListCustomer {
    let list = ListCustomer::new()
        .limit(LIMIT)
        .created(created_since(since));
    match starting_after {
        Some(last) => list.starting_after(last),
        None => list,
    }
}

/// A page of a customer's payment methods, of every type (docs.stripe.com/api/payment_methods/customer_list).
pub fn payment_methods(customer: &str, starting_after: Option<&str>) -> ListPaymentMethodsCustomer {
    let list = ListPaymentMethodsCustomer::new(customer).limit(LIMIT);
    match starting_after {
        Some(last) => list.starting_after(last),
        None => list,
    }
}

/// Retrieves a payment method, if it is this customer's (docs.stripe.com/api/payment_methods/customer).
pub fn payment_method(customer: &str, method: &str) -> impl StripeRequest + use<> {
    RetrievePaymentMethodCustomer::new(customer, method)
}

/// Takes a payment method from its customer for good (docs.stripe.com/api/payment_methods/detach).
pub fn detach(method: &str) -> impl StripeRequest + use<> {
    DetachPaymentMethod::new(method)
}

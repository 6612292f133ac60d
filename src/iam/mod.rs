//! What a change of identities grants.
//!
//! [`policy`] reads one policy document and knows nothing of events: it stands
//! left of [`event`](crate::event), which ranks documents while it reads records.

pub mod policy;

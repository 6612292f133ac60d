//! What a case holds, put into the forms that leave the program. Nothing is computed here.

pub mod json;
pub mod text;

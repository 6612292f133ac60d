//! The one type of polars that the modules which read bytes name, and never make.

pub mod error {
    //! As in polars.

    /// Never made.
    #[derive(Debug)]
    pub enum PolarsError {}

    impl std::fmt::Display for PolarsError {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match *self {}
        }
    }

    impl std::error::Error for PolarsError {}
}

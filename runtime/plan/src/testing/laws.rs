//! Laws that hold for every call and every record: checked over many made-up ones.

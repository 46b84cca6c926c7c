//! From a team's files to one validated history.

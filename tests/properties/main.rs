//! What holds for every query, zone and configuration, not only for those that somebody thought of.
//!
//! | module | question |
//! |---|---|
//! | `messages` | can every answer be read, does it keep to its limit, and does nothing panic? |
//! | `malformed` | is everything that is no proper query dropped, or refused with its question? |
//! | `understood` | is every query that hickory-proto can build understood? |
//! | `static_answers` | do zones answer as RFC 1034 says? |
//! | `hickory` | do zones answer as hickory-server's do? |
//! | `steered_answers` | over whole configurations: is what is answered up, and do scopes hold? |
//! | `explained` | does `explain` tell the answer that is sent? |
//! | `planned` | does `plan` say what steering does with every client? |
//! | `engine` | asks, and reads the answer with hickory-proto |
//! | `zones` | random zones and questions to them |
//! | `reference` | RFC 1034, 4.3.2, slowly |
//! | `configurations`, `drafts` | random configurations, verdicts and clients |

mod configurations;
mod drafts;
mod engine;
mod explained;
mod hickory;
mod malformed;
mod messages;
mod planned;
mod reference;
mod static_answers;
mod steered_answers;
mod understood;
mod zones;

//! What a message is told that no zone can answer, because it is no proper query.

use super::answer::{NOT_SUPPORTED, Query, Worker};
use super::options::{Greeting, answer_options};
use crate::dns::compose::{Composer, OPT_LEN, OptReply};
use crate::dns::cookie::Standing;
use crate::dns::edns::Edns;
use crate::dns::parse::ParseError;
use crate::dns::tsig::Tsig;
use crate::dns::{HEADER_LEN, Rcode};
use crate::state::Root;

/// Answers with its header, and of its question and its OPT record what could be read. A client subnet
/// is not answered: no zone was asked. `None`: nothing may be sent.
#[cold]
pub fn answer_unparsed(
    worker: &mut Worker,
    root: &Root,
    query: &Query<'_>,
    error: ParseError,
    reply: &mut [u8],
) -> Option<(usize, Rcode)> {
    let (question_end, edns) = match error {
        ParseError::Drop => return None,
        ParseError::FormErr { question_end, edns } | ParseError::Opcode { question_end, edns } => {
            (question_end, edns)
        }
        ParseError::CookieOnly { edns } => (None, Some(edns)),
        ParseError::Signed {
            question_end, edns, ..
        } => (Some(question_end), edns),
    };
    let answer = Answer {
        worker,
        root,
        query,
        question_end: question_end.unwrap_or(HEADER_LEN),
        edns,
    };
    Some(match error {
        ParseError::Signed { tsig_at, .. } => {
            answer.compose_bad_key(reply, Tsig::read(query.message, tsig_at))
        }
        ParseError::CookieOnly { .. } => {
            // RFC 7873, 5.4.
            answer.compose(reply, |greeting| match greeting.cookie {
                None => Rcode::FormErr,
                Some(Standing::Bad) => Rcode::BadCookie,
                Some(Standing::ClientOnly | Standing::Valid) => Rcode::NoError,
            })
        }
        ParseError::Opcode { .. } => answer.compose(reply, |_| Rcode::NotImp),
        ParseError::Drop | ParseError::FormErr { .. } => answer.compose(reply, |_| Rcode::FormErr),
    })
}

struct Answer<'a> {
    worker: &'a mut Worker,
    root: &'a Root,
    query: &'a Query<'a>,
    question_end: usize,
    edns: Option<Edns>,
}

impl Answer<'_> {
    fn limit(&self) -> usize {
        self.query.transport.limit(self.edns.as_ref())
    }

    fn compose(
        mut self,
        reply: &mut [u8],
        rcode: impl FnOnce(Greeting) -> Rcode,
    ) -> (usize, Rcode) {
        let (composer, greeting) = self.begin(reply, self.limit());
        let rcode = rcode(greeting);
        let error = (rcode == Rcode::NotImp).then_some(&NOT_SUPPORTED);
        (composer.finish(rcode, 0, error), rcode)
    }

    /// No key is known here (RFC 8945, 5.2.1): the TSIG record says so behind all others, if names of
    /// absurd length leave it room.
    fn compose_bad_key(mut self, reply: &mut [u8], tsig: Option<Tsig<'_>>) -> (usize, Rcode) {
        let limit = self.limit().min(reply.len());
        let fits = |tsig: &Tsig<'_>| self.question_end + OPT_LEN + tsig.bad_key_len() <= limit;
        let Some(tsig) = tsig.filter(fits) else {
            let (mut composer, _) = self.begin(reply, limit);
            composer.set_truncated();
            return (composer.finish(Rcode::NotAuth, 0, None), Rcode::NotAuth);
        };
        let (composer, _) = self.begin(reply, limit - tsig.bad_key_len());
        let len = composer.finish(Rcode::NotAuth, 0, None);
        let end = len + tsig.bad_key_len();
        tsig.compose_bad_key(&mut reply[len..end]);
        // ARCOUNT: OPT at most was there before.
        reply[11] += 1;
        (end, Rcode::NotAuth)
    }

    fn begin<'b>(&mut self, reply: &'b mut [u8], limit: usize) -> (Composer<'b>, Greeting) {
        let Answer { query, edns, .. } = self;
        let opt = edns.map(|edns| OptReply {
            payload: query.transport.payload(),
            dnssec_ok: edns.dnssec_ok,
            subnet: None,
        });
        let mut composer = Composer::new(reply, query.message, self.question_end, limit, opt);
        let greeting = match edns.and_then(|edns| edns.asked) {
            Some(options) => answer_options(
                self.worker,
                &self.root.service.identity,
                query,
                options,
                &mut composer,
            ),
            None => Greeting::default(),
        };
        (composer, greeting)
    }
}

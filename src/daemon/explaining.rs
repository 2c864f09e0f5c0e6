//! The words of explanations that are asked for over DNS.

use std::sync::Arc;

use ipnet::IpNet;

use crate::admin::Live;
use crate::admin::explain::{Believed, Question, explain};
use crate::dns::Name;
use crate::dns::mnemonic::TypeName;
use crate::locate::Client;
use crate::nameserver::Explainer;
use crate::state::Root;

/// Tells what `meridian explain` does.
pub struct Told(pub Arc<Live>);

impl Explainer for Told {
    fn explain(&self, root: &Root, name: &Name, rtype: u16, client: &Client) -> Vec<String> {
        let Told(live) = self;
        let question = Question {
            name: name.to_string(),
            rtype: TypeName(rtype).to_string(),
            client: client
                .subnet
                .and_then(|subnet| IpNet::new(subnet.address, subnet.source).ok()),
            resolver: Some(client.resolver),
            clients: 0,
            seed: None,
        };
        let believed = Believed {
            verdicts: (live.verdicts)(),
            overridden: live.overridden.load_full(),
            shed: live.shed.load_full(),
        };
        let explanation = match explain(root, &live.world.load(), &believed, &question) {
            Ok(explanation) => explanation,
            Err(message) => return vec![message],
        };
        let steps = explanation.steps.iter();
        let mut lines: Vec<String> = steps
            .map(|line| format!("{}: {}", line.step, line.text))
            .collect();
        lines.push(format!("answer: {}", explanation.answer.rcode));
        lines.extend(explanation.answer.records);
        lines
    }
}

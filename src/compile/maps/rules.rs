//! Location -> class: which of a policy's rules is the first to fit.

use super::serves::Serves;
use crate::config::{Rule, Selector};
use crate::geoip::Location;

/// Whom the rules of a policy are about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RulesView(Vec<(Option<Vec<Selector>>, Vec<Selector>)>);

impl RulesView {
    pub fn new(rules: &[Rule]) -> Self {
        let clients = |rule: &Rule| (rule.clients.clone(), rule.except.clone());
        RulesView(rules.iter().map(clients).collect())
    }
}

/// Finds the first rule that fits. There are at most 255.
#[derive(Debug)]
pub struct Rules {
    clients: Serves,
    /// By rule: whether it is about everybody.
    are_for_all: Vec<bool>,
    except: Serves,
    /// For one location at a time, by rule.
    fits: Vec<bool>,
    /// What holds for those of whom nothing is known.
    unlocated: Option<u8>,
}

impl Rules {
    pub fn new(view: &RulesView) -> Self {
        let rules = &view.0;
        let named = |rule: &(Option<Vec<_>>, _)| rule.0.clone().unwrap_or_default();
        let clients: Vec<_> = rules.iter().map(named).collect();
        let except: Vec<_> = rules.iter().map(|(_, except)| except.clone()).collect();
        let mut rules = Rules {
            clients: Serves::new(&clients),
            are_for_all: rules.iter().map(|(clients, _)| clients.is_none()).collect(),
            except: Serves::new(&except),
            fits: Vec::new(),
            unlocated: None,
        };
        rules.unlocated = rules.first(&Location::default());
        rules
    }

    /// The first rule that fits a location.
    fn first(&mut self, location: &Location) -> Option<u8> {
        let Rules {
            clients,
            are_for_all,
            except,
            fits,
            ..
        } = self;
        fits.clone_from(are_for_all);
        clients.matching(location, |rules| {
            rules
                .iter()
                .for_each(|&rule| fits[usize::from(rule)] = true);
        });
        except.matching(location, |rules| {
            rules
                .iter()
                .for_each(|&rule| fits[usize::from(rule)] = false);
        });
        fits.iter().position(|fits| *fits).map(|rule| rule as u8)
    }

    /// The class of a location: that of its rule, or the default one where the same holds for those of whom nothing
    /// is known.
    pub fn class(&mut self, location: &Location) -> u16 {
        let first = self.first(location);
        match first == self.unlocated {
            true => crate::state::map::CLASS_DEFAULT,
            false => match first {
                Some(rule) => 1 + u16::from(rule),
                None => 1 + self.are_for_all.len() as u16,
            },
        }
    }

    /// What each class stands for: a rule, or none of them.
    pub fn by_class(&self) -> impl Iterator<Item = Option<usize>> {
        let rules = (0..self.are_for_all.len()).map(Some);
        let unlocated = self.unlocated.map(usize::from);
        [unlocated].into_iter().chain(rules).chain([None])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PolicyId;

    fn rules(written: &[(Option<&[Selector]>, &[Selector])]) -> Rules {
        let rule = |&(clients, except): &(Option<&[Selector]>, &[Selector])| Rule {
            clients: clients.map(<[Selector]>::to_vec),
            except: except.to_vec(),
            policy: PolicyId(0),
        };
        let rules: Vec<Rule> = written.iter().map(rule).collect();
        Rules::new(&RulesView::new(&rules))
    }

    fn of_country(country: &[u8; 2]) -> Location {
        Location {
            country: Some(*country),
            ..Location::default()
        }
    }

    /// What holds for a location.
    fn rule(rules: &mut Rules, location: &Location) -> Option<usize> {
        let class = rules.class(location);
        rules.by_class().nth(class.into()).unwrap()
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let (cn, de) = (Selector::Country(*b"CN"), Selector::Country(*b"DE"));
        let eu = Selector::Continent(*b"EU");
        let mut rules = rules(&[
            (Some(&[cn]), &[]),
            (Some(std::slice::from_ref(&eu)), &[de]),
            (Some(std::slice::from_ref(&eu)), &[]),
        ]);
        assert_eq!(rule(&mut rules, &of_country(b"CN")), Some(0));
        // By their country, on the continent.
        assert_eq!(rule(&mut rules, &of_country(b"FR")), Some(1));
        assert_eq!(rule(&mut rules, &of_country(b"DE")), Some(2));
        assert_eq!(rule(&mut rules, &of_country(b"US")), None);
        assert_eq!(rule(&mut rules, &Location::default()), None);
    }

    #[test]
    fn who_is_not_excepted_includes_those_of_whom_nothing_is_known() {
        let us = [Selector::Country(*b"US")];
        let mut anybody_but = rules(&[(None, &us)]);
        assert_eq!(rule(&mut anybody_but, &of_country(b"US")), None);
        assert_eq!(rule(&mut anybody_but, &of_country(b"DE")), Some(0));
        assert_eq!(rule(&mut anybody_but, &Location::default()), Some(0));
        assert_eq!(anybody_but.class(&of_country(b"DE")), 0);
        let mut located = rules(&[(None, &[us[0].clone(), Selector::Unlocated])]);
        assert_eq!(rule(&mut located, &Location::default()), None);
        assert_eq!(rule(&mut located, &of_country(b"DE")), Some(0));
    }

    #[test]
    fn as_many_rules_as_are_allowed_have_classes() {
        let countries: Vec<[Selector; 1]> = (0..255u8)
            .map(|rule| [Selector::Country([b'A' + rule / 16, b'A' + rule % 16])])
            .collect();
        let written: Vec<_> = countries
            .iter()
            .map(|one| (Some(&one[..]), &[][..]))
            .collect();
        let mut rules = rules(&written);
        assert_eq!(rule(&mut rules, &of_country(b"AA")), Some(0));
        assert_eq!(rule(&mut rules, &of_country(b"PO")), Some(254));
        assert_eq!(rule(&mut rules, &of_country(b"ZZ")), None);
    }

    #[test]
    fn those_without_a_place_are_unlocated_though_their_network_has_a_number() {
        let mut rules = rules(&[(Some(&[Selector::Unlocated]), &[])]);
        let location = Location {
            asn: Some(64500),
            ..Location::default()
        };
        assert_eq!(rule(&mut rules, &location), Some(0));
        assert_eq!(rule(&mut rules, &of_country(b"DE")), None);
    }
}

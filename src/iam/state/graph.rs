//! Who can become whom, as far as documents say: a view of a [`State`] for those who draw it.

use super::super::attribute::{Attribute, Field};
use super::super::entity::EntityKind;
use super::super::policy::pattern::{is_everything, matches_exactly};
use super::super::policy::{PolicyDocument, Rank};
use super::{Entity, EntityId, State};

/// One step from somebody to whom they can become.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// Who: the printed key of an entity, or the principal that a trust policy names.
    pub from: String,
    /// Who they can become or hand over: the printed key of an entity, or `*` for all of the account.
    pub to: String,
    /// How.
    pub by: By,
    /// Conditions hold, which were not weighed.
    pub is_conditional: bool,
}

/// How somebody becomes somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The role's trust policy names them.
    Trust,
    /// They are in the group.
    Member,
    /// A document lets them take the role on.
    AssumeRole,
    /// A document lets them hand the role to a service.
    PassRole,
    /// A document lets them rewrite whom the role trusts.
    RewriteTrust,
    /// A document lets them make keys for the user.
    CreateAccessKey,
    /// A document lets them make a password for the user, or change it.
    SetPassword,
}

impl State {
    /// All steps, in order. `Deny` statements, boundaries and the policies of an organization are not weighed.
    pub fn ways(&self) -> Vec<Way> {
        let mut found = Vec::new();
        for (id, entity) in self.entities().filter(|(_, entity)| entity.exists() == Some(true)) {
            match entity.reference.kind {
                EntityKind::Group => {
                    self.members(entity, &mut found);
                    self.granted(id, entity, &mut found);
                }
                EntityKind::Role => {
                    trusted(entity, &mut found);
                    self.granted(id, entity, &mut found);
                }
                EntityKind::User => self.granted(id, entity, &mut found),
                _ => {}
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn members(&self, group: &Entity, found: &mut Vec<Way>) {
        for (member, _) in group.keys(Field::Member) {
            let user = super::EntityRef { kind: EntityKind::User, name: member.key.clone(), path: None, ..group.reference.clone() };
            let user = self.find(&user).and_then(|user| self.entity(user)).map_or(user, |user| user.reference.clone());
            found.push(Way { from: user.to_string(), to: group.reference.to_string(), by: By::Member, is_conditional: false });
        }
    }

    fn granted(&self, id: EntityId, entity: &Entity, found: &mut Vec<Way>) {
        let from = entity.reference.to_string();
        let inline = entity.keys(Field::InlinePolicy).map(|(_, value)| value.clone());
        let attached = entity.keys(Field::AttachedPolicy).filter_map(|(policy, _)| self.policy_document(&policy.key));
        let documents: Vec<_> = inline.chain(attached).collect();
        for (action, kind, by) in ACTIONS {
            // Of AWS's own policies the rank is known, and not the document.
            if self.own_rank(id) == Rank::Admin {
                found.push(Way { from: from.clone(), to: "*".to_owned(), by, is_conditional: false });
                continue;
            }
            for (pattern, is_conditional) in
                documents.iter().filter_map(|value| value.policy()).flat_map(|policy| policy.resources_of(action))
            {
                let way = |to: String| Way { from: from.clone(), to, by, is_conditional };
                if is_everything(pattern) {
                    found.push(way("*".to_owned()));
                    continue;
                }
                let named = self.of_kind(&entity.reference.account, kind).filter(|(_, other)| other.exists() == Some(true));
                let keys = named.map(|(_, other)| other.reference.to_string());
                found.extend(keys.filter(|key| matches_exactly(pattern, key)).map(way));
            }
        }
    }
}

fn trusted(role: &Entity, found: &mut Vec<Way>) {
    let trust = role.value(&Attribute::plain(Field::TrustPolicy));
    for (principal, is_conditional) in trust.policy().map(PolicyDocument::principals).unwrap_or_default() {
        found.push(Way { from: principal, to: role.reference.to_string(), by: By::Trust, is_conditional });
    }
}

const ACTIONS: [(&str, EntityKind, By); 6] = [
    ("sts:AssumeRole", EntityKind::Role, By::AssumeRole),
    ("iam:PassRole", EntityKind::Role, By::PassRole),
    ("iam:UpdateAssumeRolePolicy", EntityKind::Role, By::RewriteTrust),
    ("iam:CreateAccessKey", EntityKind::User, By::CreateAccessKey),
    ("iam:CreateLoginProfile", EntityKind::User, By::SetPassword),
    ("iam:UpdateLoginProfile", EntityKind::User, By::SetPassword),
];

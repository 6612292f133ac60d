//! The ranks of what entities hold, as far as it is known.

use super::super::attribute::{Attribute, Field, Value};
use super::super::entity::{EntityKind, EntityRef, is_aws_managed};
use super::super::policy::{Document, Rank};
use super::{EntityId, State};

impl State {
    /// The rank of a managed policy by its ARN; `None` where its document is not known.
    ///
    /// # Source
    /// AWS Managed Policy Reference, for the two that have a rank by their names.
    pub fn policy_rank(&self, arn: &str) -> Option<Rank> {
        if is_aws_managed(arn) {
            return Some(match name_of(arn) {
                "AdministratorAccess" => Rank::Admin,
                "IAMFullAccess" => Rank::Privesc,
                _ => Rank::None,
            });
        }
        self.policy_document(arn)?.rank()
    }

    /// The default document of a customer's policy, where it is known.
    pub fn policy_document(&self, arn: &str) -> Option<&Value> {
        // The ranks of all that is attached are asked for again and again.
        let id = match self.attached.get(arn) {
            Some(key) => self.at(key)?,
            None => self.find(&EntityRef::from_arn(arn)?)?,
        };
        self.entity(id)?.held(&Attribute::plain(Field::DefaultDocument)).map(|held| &held.value)
    }

    /// The highest rank of what an entity is known to hold, of users by their groups too; the root user has all.
    pub fn rank(&self, id: EntityId) -> Rank {
        let Some(entity) = self.entity(id) else { return Rank::None };
        if entity.reference.kind == EntityKind::Root {
            return Rank::Admin;
        }
        let groups = Some(&entity.reference).filter(|reference| reference.kind == EntityKind::User);
        let by_groups = groups.into_iter().flat_map(|user| self.groups_of(user)).map(|group| self.own_rank(group));
        highest(std::iter::once_with(|| self.own_rank(id)).chain(by_groups))
    }

    /// The highest rank that an entity can have, given what is not known of it.
    pub(in crate::iam) fn highest_rank(&self, id: EntityId) -> Rank {
        let Some(entity) = self.entity(id) else { return Rank::Admin };
        let holders = || std::iter::once(id).chain(self.groups_of(&entity.reference).filter(|_| entity.reference.kind == EntityKind::User));
        // Groups that a user is in without being known to be are seen by no one who looks at the user.
        let is_known = |holder: EntityId| {
            self.entity(holder).is_some_and(|holder| {
                let is_covered = holder.covers(Field::AttachedPolicy) && holder.covers(Field::InlinePolicy);
                is_covered
                    && holder.keys(Field::AttachedPolicy).all(|(attribute, _)| self.policy_rank(&attribute.key).is_some())
                    && holder.keys(Field::InlinePolicy).all(|(_, value)| value.rank().is_some())
            })
        };
        if holders().all(is_known) { self.rank(id) } else { Rank::Admin }
    }

    /// The rank of a user without what one group gives.
    pub(in crate::iam) fn rank_without(&self, user: EntityId, group: EntityId) -> Rank {
        let Some(entity) = self.entity(user) else { return Rank::None };
        let groups = self.groups_of(&entity.reference).filter(|other| *other != group).map(|group| self.own_rank(group));
        groups.chain([self.own_rank(user)]).max().unwrap_or(Rank::None)
    }

    /// The highest rank of what somebody of an identity store is assigned; `None` where nothing is known.
    pub fn assigned_rank(&self, principal: &str) -> Option<Rank> {
        self.assigned.get(principal)?.iter().filter_map(|set| self.permission_set_rank(set)).max()
    }

    /// The rank of a permission set; `None` where it was never seen.
    pub fn permission_set_rank(&self, arn: &str) -> Option<Rank> {
        self.find(&EntityRef::by_id(EntityKind::PermissionSet, arn)).map(|id| self.own_rank(id))
    }

    pub(super) fn own_rank(&self, id: EntityId) -> Rank {
        let Some(entity) = self.entity(id) else { return Rank::None };
        let attached = entity.keys(Field::AttachedPolicy).filter_map(|(attribute, _)| self.policy_rank(&attribute.key));
        let inline = entity.keys(Field::InlinePolicy).filter_map(|(_, value)| value.rank());
        let of_set = entity.held(&Attribute::plain(Field::SetInlinePolicy)).and_then(|held| held.value.rank());
        highest(of_set.into_iter().chain(inline).chain(attached))
    }
}

/// The highest of some ranks; those after one that cannot be passed are not asked for.
fn highest(ranks: impl Iterator<Item = Rank>) -> Rank {
    let mut highest = Rank::None;
    for rank in ranks {
        highest = highest.max(rank);
        if highest == Rank::Admin {
            break;
        }
    }
    highest
}

/// Whether AWS attaches that policy to contain a leaked key.
pub(in crate::iam) fn is_quarantine(arn: &str) -> bool {
    is_aws_managed(arn) && name_of(arn).starts_with("AWSCompromisedKeyQuarantine")
}

/// Whether a value is a document that denies something.
pub(in crate::iam) fn holds_deny(value: &Value) -> bool {
    value.policy().is_some_and(Document::denies)
}

/// The permission set, the kind of principal and the principal in the key of an assignment.
pub(in crate::iam) fn assignment(key: &str) -> Option<(&str, &str, &str)> {
    let (rest, principal) = key.rsplit_once(':')?;
    let (set, kind) = rest.rsplit_once(':')?;
    Some((set, kind, principal))
}

fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

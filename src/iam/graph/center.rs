//! Who comes into an account through Identity Center: users of its store and members of its groups are assigned permission
//! sets, of each of which the account has a role.

use std::collections::{BTreeMap, BTreeSet};

use super::super::attribute::{Attribute, Field};
use super::super::entity::{EntityKind, EntityRef};
use super::super::policy::Rank;
use super::super::state::{Entity, EntityId, State, assignment};
use super::build::{Place, all_rights};
use super::{Means, Party};

/// The edges that the assignments of all accounts are.
pub(super) fn edges(state: &State, current: &[EntityId]) -> Vec<(Place, Place, Means)> {
    let (people, roles) = (People::of(state, current), roles(state, current));
    let (mut edges, mut groups, mut sets) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for account in entities(state, current).filter(|account| account.reference.kind == EntityKind::Account) {
        for (attribute, _) in account.keys(Field::Assignment) {
            let Some((set, kind, principal)) = assignment(&attribute.key) else { continue };
            let account = &*account.reference.account;
            let is_group = kind == "GROUP";
            let party = if is_group { Party::StoreGroup } else { Party::StoreUser };
            edges.push(((party, people.name(principal)), place(set, account), Means::Assigned));
            sets.insert((account, set));
            groups.extend(is_group.then_some(principal));
        }
    }
    for group in groups {
        let members = people.members.get(group).into_iter().flatten();
        let of_group = |member: &&str| ((Party::StoreUser, people.name(member)), (Party::StoreGroup, people.name(group)), Means::Member);
        edges.extend(members.map(of_group));
    }
    for (account, set) in sets {
        if state.permission_set_rank(set) == Some(Rank::Admin) {
            edges.push((place(set, account), all_rights(), Means::Holds));
        }
        let known = state.find(&EntityRef::by_id(EntityKind::PermissionSet, set));
        let name = known.map(|known| state.value(known, &Attribute::plain(Field::Name)));
        let made = name.as_ref().and_then(|name| roles.get(&(account, name.as_text()?))).into_iter().flatten();
        edges.extend(made.map(|role| (place(set, account), (Party::Role, role.to_string()), Means::Provisioned)));
    }
    edges
}

/// A permission set gives rights only where it is assigned.
fn place(set: &str, account: &str) -> Place {
    (Party::PermissionSet, format!("{set} in {account}"))
}

/// The roles that Identity Center made, by their accounts and the names of their permission sets.
///
/// # Source
/// IAM Identity Center User Guide, "Referencing permission sets in resource policies": `AWSReservedSSO_NAME_SUFFIX`.
fn roles<'s>(state: &'s State, current: &[EntityId]) -> BTreeMap<(&'s str, &'s str), Vec<&'s EntityRef>> {
    let mut found: BTreeMap<(&str, &str), Vec<&EntityRef>> = BTreeMap::new();
    for role in entities(state, current).map(|entity| &entity.reference).filter(|entity| entity.kind == EntityKind::Role) {
        let parts = role.name.strip_prefix("AWSReservedSSO_").and_then(|rest| rest.rsplit_once('_'));
        let is_made = |suffix: &str| !suffix.is_empty() && suffix.bytes().all(|letter| letter.is_ascii_hexdigit());
        if let Some((set, _)) = parts.filter(|(_, suffix)| is_made(suffix)) {
            found.entry((&*role.account, set)).or_default().push(role);
        }
    }
    found
}

/// The users and groups of identity stores, by their ids.
struct People<'s> {
    names: BTreeMap<&'s str, String>,
    members: BTreeMap<&'s str, Vec<&'s str>>,
}

impl<'s> People<'s> {
    fn of(state: &'s State, current: &[EntityId]) -> Self {
        let mut people = Self { names: BTreeMap::new(), members: BTreeMap::new() };
        for entity in entities(state, current) {
            let reference = &entity.reference;
            if matches!(reference.kind, EntityKind::StoreUser | EntityKind::StoreGroup) {
                people.names.insert(&reference.name, reference.to_string());
            }
            if reference.kind == EntityKind::StoreGroup {
                let members: Vec<&str> = entity.keys(Field::Member).map(|(member, _)| &*member.key).collect();
                for member in &members {
                    let user = EntityRef { kind: EntityKind::StoreUser, name: (*member).into(), ..reference.clone() };
                    people.names.insert(member, user.to_string());
                }
                people.members.insert(&reference.name, members);
            }
        }
        people
    }

    /// The name of somebody; the id alone where nothing tells the store.
    fn name(&self, id: &str) -> String {
        self.names.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }
}

fn entities<'s>(state: &'s State, current: &[EntityId]) -> impl Iterator<Item = &'s Entity> {
    current.iter().filter_map(|id| state.entity(*id))
}

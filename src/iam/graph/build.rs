//! From a state to its graph.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::super::attribute::{Attribute, Field};
use super::super::entity::{EntityKind, EntityRef, is_aws_managed};
use super::super::policy::{Allow, Document, PolicyDocument, Rank};
use super::super::state::{Entity, EntityId, State};
use super::{Edge, Graph, Means, Node, Party, center};

impl Graph {
    /// The graph of a state.
    pub fn of(state: &State) -> Self {
        let everything = PolicyDocument::parse(FULL_IAM).ok();
        let mut builder = Builder::new(state);
        let read = Read::of(state);
        let holders: Vec<Holder<'_>> = builder.current.iter().filter_map(|id| Holder::of(state, &read, *id, everything.as_ref())).collect();
        let by_id: BTreeMap<EntityId, &Holder<'_>> = holders.iter().map(|holder| (holder.id, holder)).collect();
        for holder in &holders {
            builder.own_rights(holder, &by_id);
            builder.rights_over_others(holder);
        }
        for holder in &holders {
            builder.entrants(holder, &holders);
        }
        for (from, to, means) in center::edges(state, &builder.current) {
            builder.edge(from, to, means, false);
        }
        builder.finish()
    }
}

/// The documents of all entities, each read once however many have it.
struct Read<'s>(BTreeMap<EntityId, BTreeMap<&'s Attribute, PolicyDocument>>);

impl<'s> Read<'s> {
    fn of(state: &'s State) -> Self {
        let of_entity = |entity: &'s Entity| {
            let each = entity.attributes().filter_map(|(attribute, held)| Some((attribute, held.value.policy()?.policy()?)));
            each.collect::<BTreeMap<_, _>>()
        };
        Self(state.entities().map(|(id, entity)| (id, of_entity(entity))).collect())
    }

    fn at(&self, id: EntityId, attribute: &Attribute) -> Option<&PolicyDocument> {
        self.0.get(&id)?.get(attribute)
    }
}

/// A user, group or role, with the documents that it has itself.
struct Holder<'s> {
    id: EntityId,
    entity: &'s Entity,
    arn: String,
    allows: Vec<Allow<'s>>,
    rank: Rank,
    /// The customers' policies that it has.
    policies: Vec<&'s str>,
}

impl<'s> Holder<'s> {
    fn of(state: &'s State, read: &'s Read<'_>, id: EntityId, full_iam: Option<&'s PolicyDocument>) -> Option<Self> {
        let entity =
            state.entity(id).filter(|entity| matches!(party(entity.reference.kind), Some(Party::User | Party::Group | Party::Role)))?;
        let mut documents: Vec<&PolicyDocument> =
            entity.keys(Field::InlinePolicy).filter_map(|(attribute, _)| read.at(id, attribute)).collect();
        let mut rank = entity.keys(Field::InlinePolicy).filter_map(|(_, value)| value.rank()).max();
        let mut policies = Vec::new();
        for (attribute, _) in entity.keys(Field::AttachedPolicy) {
            rank = rank.max(state.policy_rank(&attribute.key));
            if is_aws_managed(&attribute.key) {
                documents.extend(full_iam.filter(|_| attribute.key.ends_with("/IAMFullAccess")));
            } else {
                policies.push(&*attribute.key);
                let policy = EntityRef::from_arn(&attribute.key).and_then(|policy| state.find(&policy));
                documents.extend(policy.and_then(|policy| read.at(policy, &Attribute::plain(Field::DefaultDocument))));
            }
        }
        let allows = documents.into_iter().flat_map(PolicyDocument::allowances).collect();
        Some(Self { id, entity, arn: entity.reference.to_string(), allows, rank: rank.unwrap_or(Rank::None), policies })
    }

    fn place(&self) -> (Party, String) {
        (party(self.entity.reference.kind).unwrap_or(Party::Other), self.arn.clone())
    }

    fn account(&self) -> &str {
        &self.entity.reference.account
    }
}

pub(super) type Place = (Party, String);

/// Entities with their ARNs, in the order of these.
type Members = Rc<Vec<(EntityId, String)>>;

struct Builder<'s> {
    state: &'s State,
    /// Whoever is there, one for each name.
    current: Vec<EntityId>,
    /// The entities of a kind in an account, with their ARNs.
    members: BTreeMap<(EntityKind, &'s str), Members>,
    /// The edges, and whether each has a condition.
    edges: BTreeMap<(Place, Place, Means), bool>,
    left_out: usize,
    not_compared: usize,
    /// Steps that comparing may still take.
    left: usize,
}

impl<'s> Builder<'s> {
    fn new(state: &'s State) -> Self {
        let is_there = |id: EntityId, entity: &Entity| entity.exists() != Some(false) && state.find(&entity.reference) == Some(id);
        let current: Vec<EntityId> = state.entities().filter(|(id, entity)| is_there(*id, entity)).map(|(id, _)| id).collect();
        let mut members: BTreeMap<(EntityKind, &str), Vec<(EntityId, String)>> = BTreeMap::new();
        for id in &current {
            if let Some(entity) = state.entity(*id).filter(|entity| party(entity.reference.kind).is_some()) {
                let key = (entity.reference.kind, &*entity.reference.account);
                members.entry(key).or_default().push((*id, entity.reference.to_string()));
            }
        }
        for list in members.values_mut() {
            list.sort_by(|left, right| left.1.cmp(&right.1));
        }
        let members = members.into_iter().map(|(key, list)| (key, Rc::new(list))).collect();
        Self { state, current, members, edges: BTreeMap::new(), left_out: 0, not_compared: 0, left: MOST_STEPS }
    }

    fn edge(&mut self, from: Place, to: Place, means: Means, conditional: bool) {
        if let Some(known) = self.edges.get_mut(&(from.clone(), to.clone(), means)) {
            *known &= conditional;
        } else if self.edges.len() < MOST_EDGES {
            self.edges.insert((from, to, means), conditional);
        } else {
            self.left_out += 1;
        }
    }

    /// Its groups, all rights where it has them, and the ways to give itself more.
    fn own_rights(&mut self, holder: &Holder<'s>, holders: &BTreeMap<EntityId, &Holder<'s>>) {
        let is_user = holder.entity.reference.kind == EntityKind::User;
        let groups: Vec<&Holder<'s>> = if is_user {
            self.state.groups_of(&holder.entity.reference).filter_map(|group| holders.get(&group).copied()).collect()
        } else {
            Vec::new()
        };
        for group in &groups {
            self.edge(holder.place(), group.place(), Means::Member, false);
        }
        if holder.rank == Rank::Admin {
            self.edge(holder.place(), all_rights(), Means::Holds, false);
            return;
        }
        let own = groups.iter().copied().chain([holder]);
        let allows: Vec<Allow<'s>> = own.clone().flat_map(|one| one.allows.iter().copied()).collect();
        let subjects =
            own.clone().flat_map(|one| actions_on_itself(one.entity.reference.kind).iter().map(|action| (*action, one.arn.clone())));
        for (action, arn) in subjects.collect::<Vec<_>>() {
            self.give(&allows, action, &arn, holder, Means::Policies);
        }
        for policy in own.flat_map(|one| &one.policies) {
            self.give(&allows, "iam:CreatePolicyVersion", policy, holder, Means::PolicyVersion);
            if has_better_version(self.state, policy) {
                self.give(&allows, "iam:SetDefaultPolicyVersion", policy, holder, Means::PolicyVersion);
            }
        }
    }

    /// An edge to all rights where a statement gives the action on something of one's own.
    fn give(&mut self, allows: &[Allow<'s>], action: &str, arn: &str, holder: &Holder<'s>, means: Means) {
        for allow in allows.iter().filter(|allow| allow.gives(action)) {
            if self.compare(*allow, arn, holder) {
                self.edge(holder.place(), all_rights(), means, allow.is_conditional());
            }
        }
    }

    fn rights_over_others(&mut self, holder: &Holder<'s>) {
        if holder.rank == Rank::Admin {
            return;
        }
        let launches = holder.allows.iter().any(|allow| allow.launches());
        for (action, kind, means) in RIGHTS {
            if *means == Means::PassRole && !launches {
                continue;
            }
            for allow in holder.allows.iter().filter(|allow| allow.gives(action)) {
                self.over(holder, *allow, *kind, *means);
            }
        }
    }

    /// One edge to all of the kind where a statement is on all of them, else one to each that it names.
    fn over(&mut self, holder: &Holder<'s>, allow: Allow<'s>, kind: EntityKind, means: Means) {
        let reference = &holder.entity.reference;
        let any = EntityRef::named(kind, &reference.partition, &reference.account, "\u{1}").to_string();
        let Some(members) = self.members.get(&(kind, &*reference.account)).cloned() else { return };
        if allow.reaches_any(&any) {
            self.edge(holder.place(), class(kind, holder.account()), means, allow.is_conditional());
            return;
        }
        for (id, arn) in members.iter().filter(|(id, _)| *id != holder.id) {
            if (means != Means::PassRole || self.is_for_services(*id)) && self.compare(allow, arn, holder) {
                let to = (party(kind).unwrap_or(Party::Other), arn.clone());
                self.edge(holder.place(), to, means, allow.is_conditional());
            }
        }
    }

    /// Whom a role lets in. Where it lets in its own account, those come in who are allowed to call `sts:AssumeRole` on it.
    fn entrants(&mut self, role: &Holder<'s>, holders: &[Holder<'s>]) {
        let trust = role.entity.held(&Attribute::plain(Field::TrustPolicy)).and_then(|held| held.value.policy()?.policy());
        let Some(trust) = trust.filter(|_| role.entity.reference.kind == EntityKind::Role) else { return };
        for statement in trust.allowances() {
            for (kind, name) in statement.entrants() {
                let Some(from) = self.principal(kind, name) else { continue };
                let is_own = from.0 == Party::Account && name.split(':').nth(4) == Some(role.account());
                if from != role.place() {
                    self.edge(from, role.place(), Means::Assume, statement.is_conditional());
                }
                if is_own {
                    self.by_right(role, holders, statement.is_conditional());
                }
            }
        }
    }

    fn by_right(&mut self, role: &Holder<'s>, holders: &[Holder<'s>], conditional: bool) {
        let others = holders.iter().filter(|other| other.id != role.id && other.rank != Rank::Admin && other.account() == role.account());
        for other in others {
            for allow in other.allows.iter().filter(|allow| allow.gives("sts:AssumeRole")) {
                if self.compare(*allow, &role.arn, other) {
                    self.edge(other.place(), role.place(), Means::Assume, conditional || allow.is_conditional());
                }
            }
        }
    }

    /// Who a trust policy names; `None` for the id of somebody who is gone.
    fn principal(&self, kind: &str, name: &str) -> Option<Place> {
        match kind {
            "Service" => return Some((Party::Service, name.to_owned())),
            "Federated" => return Some((Party::Provider, name.to_owned())),
            "AWS" if name == "*" => return Some((Party::Everyone, name.to_owned())),
            "AWS" => {}
            _ => return Some((Party::Other, name.to_owned())),
        }
        let known = self.state.find_unique(name).or_else(|| self.state.find(&named(name)?));
        if let Some(entity) = known.and_then(|id| self.state.entity(id)) {
            let there = entity.exists() != Some(false);
            return there.then(|| (party(entity.reference.kind).unwrap_or(Party::Other), entity.reference.to_string()));
        }
        match named(name) {
            Some(reference) => Some((party(reference.kind).unwrap_or(Party::Other), reference.to_string())),
            None => name.starts_with("arn:").then(|| (Party::Other, name.to_owned())),
        }
    }

    fn is_for_services(&self, role: EntityId) -> bool {
        let trust = self.state.value(role, &Attribute::plain(Field::TrustPolicy));
        trust.policy().and_then(Document::policy).is_some_and(|trust| trust.trust().grants.iter().any(|grant| !grant.services.is_empty()))
    }

    /// Whether a statement reaches a name; counted as not compared where that would take more than is left.
    fn compare(&mut self, allow: Allow<'s>, arn: &str, caller: &Holder<'s>) -> bool {
        let Some(left) = self.left.checked_sub(allow.steps(arn).max(1)) else {
            self.not_compared += 1;
            return false;
        };
        self.left = left;
        allow.reaches(arn, &caller.entity.reference.name)
    }

    fn finish(mut self) -> Graph {
        // A class leads to all rights where one of its members does, which may lead others there who reach the class.
        loop {
            let (graph, places) = self.numbered();
            let distances = graph.distances();
            let reach: BTreeSet<&Place> =
                places.iter().zip(&distances).filter(|(_, distance)| distance.is_some()).map(|(place, _)| place).collect();
            let is_new = |place: &&Place| place.0 == Party::Class && !reach.contains(place);
            let led = places.iter().filter(is_new).filter(|place| self.has_member(place, &reach)).cloned().collect::<Vec<_>>();
            if led.is_empty() {
                return graph;
            }
            for place in led {
                // Beyond the most edges, as it says what others mean.
                self.edges.insert((place, all_rights(), Means::OneOf), false);
            }
        }
    }

    fn has_member(&self, place: &Place, reach: &BTreeSet<&Place>) -> bool {
        let lists = self.members.iter().filter(|((kind, account), _)| class(*kind, account) == *place);
        lists
            .flat_map(|((kind, _), list)| list.iter().map(move |(_, arn)| (party(*kind).unwrap_or(Party::Other), arn.clone())))
            .any(|member| reach.contains(&member))
    }

    fn numbered(&self) -> (Graph, Vec<Place>) {
        let places: BTreeSet<&Place> = self.edges.keys().flat_map(|(from, to, _)| [from, to]).collect();
        let number: BTreeMap<&Place, usize> = places.iter().copied().zip(0..).collect();
        let edge = |((from, to, means), conditional): (&(Place, Place, Means), &bool)| {
            Some(Edge { from: *number.get(from)?, to: *number.get(to)?, means: *means, conditional: *conditional })
        };
        let edges = self.edges.iter().filter_map(edge).collect();
        let nodes = places.iter().map(|(party, name)| Node { party: *party, name: name.clone() }).collect();
        let places = places.into_iter().cloned().collect();
        (Graph { nodes, edges, left_out: self.left_out, not_compared: self.not_compared }, places)
    }
}

pub(super) fn all_rights() -> Place {
    (Party::AllRights, "all rights".to_owned())
}

fn class(kind: EntityKind, account: &str) -> Place {
    let word = match kind {
        EntityKind::User => "user",
        EntityKind::Group => "group",
        _ => "role",
    };
    (Party::Class, format!("every {word} of {account}"))
}

const fn party(kind: EntityKind) -> Option<Party> {
    match kind {
        EntityKind::User => Some(Party::User),
        EntityKind::Group => Some(Party::Group),
        EntityKind::Role => Some(Party::Role),
        EntityKind::Root => Some(Party::Account),
        _ => None,
    }
}

/// Whom an ARN names; of a session, the role.
fn named(arn: &str) -> Option<EntityRef> {
    EntityRef::from_arn(arn).or_else(|| {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", partition, "sts", _, account, resource] = *parts.as_slice() else { return None };
        let (name, _) = resource.strip_prefix("assumed-role/")?.split_once('/')?;
        Some(EntityRef::named(EntityKind::Role, partition, account, name))
    })
}

/// The actions that give an entity policies, and so whoever has it.
const fn actions_on_itself(kind: EntityKind) -> &'static [&'static str] {
    match kind {
        EntityKind::User => &["iam:AttachUserPolicy", "iam:PutUserPolicy"],
        EntityKind::Group => &["iam:AttachGroupPolicy", "iam:PutGroupPolicy"],
        EntityKind::Role => &["iam:AttachRolePolicy", "iam:PutRolePolicy"],
        _ => &[],
    }
}

/// Whether another version of a policy ranks above its default.
fn has_better_version(state: &State, policy: &str) -> bool {
    let entity = EntityRef::from_arn(policy).and_then(|policy| state.entity(state.find(&policy)?));
    entity.is_some_and(|entity| {
        let default = state.policy_rank(policy);
        entity.keys(Field::Version).any(|(_, version)| version.rank() > Some(Rank::None) && version.rank() > default)
    })
}

/// Rights over others: the action, what it is on, and what it means.
const RIGHTS: &[(&str, EntityKind, Means)] = &[
    ("iam:PassRole", EntityKind::Role, Means::PassRole),
    ("iam:CreateAccessKey", EntityKind::User, Means::AccessKey),
    ("iam:CreateLoginProfile", EntityKind::User, Means::Password),
    ("iam:UpdateLoginProfile", EntityKind::User, Means::Password),
    ("iam:CreateServiceSpecificCredential", EntityKind::User, Means::ServiceCredential),
    ("iam:ResetServiceSpecificCredential", EntityKind::User, Means::ServiceCredential),
    ("iam:UpdateAssumeRolePolicy", EntityKind::Role, Means::Trust),
    ("iam:AddUserToGroup", EntityKind::Group, Means::Join),
];

/// What `IAMFullAccess` allows of IAM.
///
/// # Source
/// AWS Managed Policy Reference, `IAMFullAccess`.
const FULL_IAM: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]}"#;

/// Edges that a graph holds: ten for each of the 5,000 users and roles that an account can have by default, which is
/// more than anybody looks at.
const MOST_EDGES: usize = 50_000;

/// Steps of comparing patterns with names, less than a second. A policy of an account reaches some hundred names by a pattern
/// of 50 letters, which are 300,000 steps; logs that are made to take time would take days.
const MOST_STEPS: usize = 200_000_000;

//! [`Graph`]: who could become whom, as far as names and rights tell, in the state that a replay ends with.
//!
//! Who is let in by trust, who is in which group, and who may make keys and passwords, pass roles, rewrite trust and
//! policies, and who is assigned a permission set of Identity Center. All of it is syntactic, as in [`policy`](super::policy): conditions are marked, and `Deny` statements,
//! boundaries and policies of the organization are not weighed, so that an edge says "could", and never "can".

mod build;
mod center;

use std::collections::VecDeque;

use serde::Serialize;

/// Who could become whom.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Graph {
    /// Who there is, by kind and name.
    pub nodes: Vec<Node>,
    /// Who could become whom, in the order of the nodes. Who has all rights could become anybody, of which only
    /// that is said.
    pub edges: Vec<Edge>,
    /// Edges beyond the most that a graph holds.
    pub left_out: usize,
    /// Statements whose resources were not compared with all names, as that would have taken too long.
    pub not_compared: usize,
}

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// What it is.
    pub party: Party,
    /// Its ARN or name.
    pub name: String,
}

/// What a node is, from the outside inwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// Whoever has an AWS account.
    Everyone,
    /// All of an account that it lets have the right.
    Account,
    /// An identity provider.
    Provider,
    /// A service of AWS.
    Service,
    /// A principal of another sort.
    Other,
    /// A user of an identity store.
    StoreUser,
    /// A group of an identity store.
    StoreGroup,
    /// A permission set of Identity Center in an account.
    PermissionSet,
    /// A user of IAM.
    User,
    /// A group.
    Group,
    /// All users, groups or roles of an account.
    Class,
    /// A role.
    Role,
    /// Everything is allowed.
    AllRights,
}

/// One could become the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// Who, by its place among the nodes.
    pub from: usize,
    /// Whom.
    pub to: usize,
    /// How.
    pub means: Means,
    /// Each statement that says so has a condition, which was not weighed.
    pub conditional: bool,
}

/// How one could become the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// Everything is allowed to it.
    Holds,
    /// It is in the group.
    Member,
    /// It is assigned the permission set.
    Assigned,
    /// Identity Center makes the role of it.
    Provisioned,
    /// The role lets it in.
    Assume,
    /// It may hand the role to a service and run something there.
    PassRole,
    /// It may make access keys for the user.
    AccessKey,
    /// It may set the user's console password.
    Password,
    /// It may make or reset service credentials of the user.
    ServiceCredential,
    /// It may rewrite whom the role lets in.
    Trust,
    /// It may put users into the group.
    Join,
    /// It may give itself, or a group of its own, policies.
    Policies,
    /// It may rewrite a policy that it has.
    PolicyVersion,
    /// One of them could have all rights.
    OneOf,
}

impl Party {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Account => "account",
            Self::Provider => "identity provider",
            Self::Service => "service",
            Self::Other => "principal",
            Self::StoreUser => "user of Identity Center",
            Self::StoreGroup => "group of Identity Center",
            Self::PermissionSet => "permission set",
            Self::User => "user",
            Self::Group => "group",
            Self::Class => "all of a kind",
            Self::Role => "role",
            Self::AllRights => "all rights",
        }
    }
}

impl Means {
    /// What stands between the two in a sentence.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Holds => "has",
            Self::Member => "is a member of",
            Self::Assigned => "is assigned",
            Self::Provisioned => "gives the role",
            Self::Assume => "may assume",
            Self::PassRole => "may pass, and run something under,",
            Self::AccessKey => "may create access keys of",
            Self::Password => "may set the password of",
            Self::ServiceCredential => "may make service credentials of",
            Self::Trust => "may rewrite the trust of",
            Self::Join => "may add users to",
            Self::Policies => "may give itself",
            Self::PolicyVersion => "may rewrite a policy of its own to have",
            Self::OneOf => "has one among them who could come to",
        }
    }
}

impl Graph {
    /// For each node how many edges lead from it to all rights at least; `None` where none do.
    pub fn distances(&self) -> Vec<Option<usize>> {
        let mut into: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for edge in &self.edges {
            if let Some(sources) = into.get_mut(edge.to) {
                sources.push(edge.from);
            }
        }
        let mut found: Vec<Option<usize>> = self.nodes.iter().map(|node| (node.party == Party::AllRights).then_some(0)).collect();
        let mut waiting: VecDeque<usize> = found.iter().enumerate().filter(|(_, known)| known.is_some()).map(|(place, _)| place).collect();
        while let Some(place) = waiting.pop_front() {
            let next = found.get(place).copied().flatten().map(|distance| distance + 1);
            for source in into.get(place).into_iter().flatten() {
                if let Some(distance) = found.get_mut(*source).filter(|distance| distance.is_none()) {
                    *distance = next;
                    waiting.push_back(*source);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;

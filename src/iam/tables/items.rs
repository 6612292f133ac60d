//! [`ByCall`] and [`ByEntity`]: what tables show of items beside the rows of other things, without the items themselves.

use std::sync::Arc;

use super::super::drift::{Evidence, Item, Items};
use super::super::entity::EntityRef;
use super::super::kind::Risk;
use super::super::policy::Rank;
use super::places;
use crate::error::Error;
use crate::frame::{Map, Texts};
use crate::problem::Place;
use crate::session::EventPlace;

/// What each call made, by its place, as edited records may share an id.
#[derive(Debug, Default)]
pub(super) struct ByCall {
    texts: Texts,
    /// In the order of the places; of one place in that of the items.
    entries: Vec<Entry>,
}

/// One item of a call; a log may have millions of them.
#[derive(Debug)]
struct Entry {
    /// The object's code, and the record index.
    place: (u32, Option<u64>),
    entity: u32,
    attribute: u32,
    rank: Option<Rank>,
}

/// What a call made.
#[derive(Debug, Default)]
pub(super) struct Made<'c> {
    /// The entity of the first item.
    pub(super) entity: Option<&'c Arc<str>>,
    /// The attribute of the first item.
    pub(super) attribute: Option<&'c Arc<str>>,
    /// The rank that a policy had when it was attached.
    pub(super) rank: Option<Rank>,
}

impl ByCall {
    /// What is to be shown of those items.
    pub(super) fn of(items: &Items) -> Result<Self, Error> {
        let mut all = Self::default();
        for item in items.iter() {
            let item = item?;
            let (entity, attribute) = (all.texts.code(&item.entity), all.texts.code(&item.attribute));
            for evidence in &item.evidence {
                if let Evidence::Record { object, record_index, .. } = evidence {
                    let place = (all.texts.code(object), *record_index);
                    all.entries.push(Entry { place, entity, attribute, rank: attached_rank(&item) });
                }
            }
        }
        all.entries.sort_by_key(|entry| entry.place);
        Ok(all)
    }

    /// What the call at a place made.
    pub(super) fn of_call(&self, place: &Place) -> Made<'_> {
        let Some(object) = self.texts.known(&place.object) else { return Made::default() };
        let place = (object, place.record_index);
        let start = self.entries.partition_point(|entry| entry.place < place);
        let mut of_call = self.entries.get(start..).unwrap_or_default().iter().take_while(|entry| entry.place == place).peekable();
        let text = |code: fn(&Entry) -> u32, first: Option<&&Entry>| self.texts.get(code(first?));
        let (entity, attribute) = (text(|entry| entry.entity, of_call.peek()), text(|entry| entry.attribute, of_call.peek()));
        Made { entity, attribute, rank: of_call.find_map(|entry| entry.rank) }
    }
}

/// The rank that a policy had when it was attached, as the item's risk tells.
const fn attached_rank(item: &Item) -> Option<Rank> {
    match item.risk {
        Risk::WildcardAdmin => Some(Rank::Admin),
        Risk::PrivilegeEscalation => Some(Rank::Privesc),
        _ => None,
    }
}

/// What items tell of each entity.
#[derive(Debug, Default)]
pub(super) struct ByEntity {
    entities: Map<Arc<str>, OfEntity>,
    none: OfEntity,
}

/// What the items of one entity tell of it.
#[derive(Debug, Default)]
pub(super) struct OfEntity {
    /// How many there are.
    pub(super) items: u64,
    /// Whether one says that it was not there before.
    pub(super) was_made: bool,
    /// Those that gave rights that last.
    pub(super) grants: Vec<Grant>,
}

/// An item that gave rights that last.
#[derive(Debug)]
pub(super) struct Grant {
    /// What it changed.
    pub(super) attribute: Arc<str>,
    /// The records that it rests on.
    pub(super) places: Vec<EventPlace>,
}

impl ByEntity {
    /// What those items tell.
    pub(super) fn of(items: &Items) -> Result<Self, Error> {
        let mut all = Self::default();
        for item in items.iter() {
            let item = item?;
            let known = all.entities.entry(item.entity.clone()).or_default();
            known.items += 1;
            known.was_made |= &*item.attribute == "exists" && *item.before == false;
            if is_grant(&item) {
                known.grants.push(Grant { attribute: item.attribute.clone(), places: places(&item).collect() });
            }
        }
        Ok(all)
    }

    /// What they tell of that entity.
    pub(super) fn of_entity(&self, entity: &EntityRef) -> &OfEntity {
        self.entities.get(entity.to_string().as_str()).unwrap_or(&self.none)
    }
}

/// Whether an item gave rights that last.
fn is_grant(item: &Item) -> bool {
    item.net != Some(false) && matches!(item.risk, Risk::WildcardAdmin | Risk::PrivilegeEscalation)
}

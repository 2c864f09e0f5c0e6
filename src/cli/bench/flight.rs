//! The queries of one socket that wait for their answers.

use super::replay::Place;

/// The most that may wait on one socket. An id is the number of a slot and, above it, how often the slot
/// was used, so that an answer that comes too late is not taken for the next one's.
pub const FLIGHT_MAX: usize = 1 << SLOT_BITS;

const SLOT_BITS: u32 = 12;
const GENERATIONS: u16 = 1 << (16 - SLOT_BITS);

pub struct Flight {
    slots: Box<[Slot]>,
    free: Vec<u16>,
}

/// A query that was sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// When it was due, in nanoseconds since the load began.
    pub due_ns: u64,
    pub place: Place,
    /// Whether it belongs to the measured time.
    pub counts: bool,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    sent: Sent,
    generation: u16,
    waits: bool,
    /// A bit for each generation that was given up.
    lost: u16,
}

/// What an id that came back stands for.
#[derive(Debug)]
pub enum Landed {
    /// A query that waits for its answer.
    Expected(Sent),
    /// One that was given up.
    Late,
    /// None that was ever sent, or one that has been answered.
    Unknown,
}

impl Flight {
    /// For up to `size` queries, [`FLIGHT_MAX`] at most.
    pub fn new(size: usize) -> Self {
        let size = size.min(FLIGHT_MAX) as u16;
        Flight {
            slots: vec![Slot::default(); usize::from(size)].into(),
            free: (0..size).rev().collect(),
        }
    }

    /// How many more may be sent.
    pub fn room(&self) -> usize {
        self.free.len()
    }

    pub fn size(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    /// Notes a query, and gives it its id. `None`: there is no room.
    pub fn launch(&mut self, sent: Sent) -> Option<u16> {
        let number = self.free.pop()?;
        let slot = &mut self.slots[usize::from(number)];
        slot.generation = (slot.generation + 1) % GENERATIONS;
        slot.lost &= !(1 << slot.generation);
        slot.sent = sent;
        slot.waits = true;
        Some(slot.generation << SLOT_BITS | number)
    }

    /// Takes the answer with this id, if it has one.
    pub fn land(&mut self, id: Option<u16>) -> Landed {
        let Some(id) = id else {
            return Landed::Unknown;
        };
        let number = id & (FLIGHT_MAX as u16 - 1);
        let generation = id >> SLOT_BITS;
        let Some(slot) = self.slots.get_mut(usize::from(number)) else {
            return Landed::Unknown;
        };
        if slot.waits && slot.generation == generation {
            slot.waits = false;
            self.free.push(number);
            return Landed::Expected(slot.sent);
        }
        let bit = 1 << generation;
        if slot.lost & bit == 0 {
            return Landed::Unknown;
        }
        slot.lost &= !bit;
        Landed::Late
    }

    /// Gives up what was due before `due_ns`, and tells each.
    pub fn expire(&mut self, due_ns: u64, mut tell: impl FnMut(Sent)) {
        if self.is_empty() {
            return;
        }
        for (number, slot) in (0..).zip(&mut self.slots) {
            if slot.waits && slot.sent.due_ns < due_ns {
                slot.waits = false;
                slot.lost |= 1 << slot.generation;
                self.free.push(number);
                tell(slot.sent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(due_ns: u64) -> Sent {
        Sent {
            due_ns,
            ..Sent::default()
        }
    }

    #[test]
    fn an_answer_lands_once() {
        let mut flight = Flight::new(2);
        let first = flight.launch(at(1)).unwrap();
        let second = flight.launch(at(2)).unwrap();
        assert_ne!(first, second);
        assert!(flight.launch(at(3)).is_none());
        assert!(matches!(flight.land(Some(first)), Landed::Expected(sent) if sent.due_ns == 1));
        assert!(matches!(flight.land(Some(first)), Landed::Unknown));
        assert!(matches!(
            flight.land(Some(second ^ 1 << 15)),
            Landed::Unknown
        ));
        assert!(matches!(flight.land(Some(2)), Landed::Unknown));
        assert_eq!(flight.room(), 1);
        assert!(matches!(flight.land(Some(second)), Landed::Expected(_)));
        assert!(flight.is_empty());
    }

    #[test]
    fn an_answer_that_comes_too_late_is_not_the_next_ones() {
        let mut flight = Flight::new(1);
        let first = flight.launch(at(1)).unwrap();
        let mut lost = 0;
        flight.expire(1, |_| lost += 1);
        assert_eq!(lost, 0);
        flight.expire(2, |_| lost += 1);
        assert_eq!(lost, 1);
        let second = flight.launch(at(3)).unwrap();
        assert!(matches!(flight.land(Some(first)), Landed::Late));
        assert!(matches!(flight.land(Some(first)), Landed::Unknown));
        assert!(matches!(flight.land(Some(second)), Landed::Expected(sent) if sent.due_ns == 3));
    }
}

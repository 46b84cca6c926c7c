//! Observations with their masks in the order they came, each stored once and shared by entries.

use promopt_envs::ActionMask;
use std::collections::VecDeque;

/// Frames per chunk of memory.
const CHUNK: usize = 1_024;

/// Number of a frame; it wraps around, since far fewer than 2³² live at a time.
pub(super) type FrameId = u32;

/// A queue of frames. New ones go to the end; memory at the front is handed on when no entry refers
/// to it any more, chunk by chunk, so the queue takes what its living frames need and never moves
/// them.
#[derive(Debug, Clone)]
pub(super) struct Frames {
    n_features: usize,
    n_actions: usize,
    chunks: VecDeque<Chunk>,
    spare: Vec<Chunk>,
    /// Number of the first frame of the first chunk.
    first: FrameId,
    /// Number of the next frame.
    next: FrameId,
}

#[derive(Debug, Clone)]
struct Chunk {
    /// Observation, then one bit per action, side by side as both are read together: shape
    /// `[CHUNK, 4 · n_features + ⌈n_actions / 8⌉]`.
    rows: Vec<u8>,
    /// How often entries refer to a frame of this chunk.
    references: u32,
}

impl Frames {
    pub(super) fn new(n_features: usize, n_actions: usize) -> Self {
        let (chunks, spare) = (VecDeque::new(), Vec::new());
        Self { n_features, n_actions, chunks, spare, first: 0, next: 0 }
    }

    /// The most bytes that a queue with this many living frames takes.
    pub(super) fn bytes(n_frames: u64, n_features: usize, n_actions: usize) -> u64 {
        let frame = 4 * n_features as u64 + n_actions.div_ceil(8) as u64;
        // One chunk is being filled and one may be held by its last frame.
        n_frames.saturating_add(2 * CHUNK as u64).saturating_mul(frame)
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        let chunks = self.chunks.len() + self.spare.len();
        (chunks * CHUNK * self.width()) as u64
    }

    /// Stores a frame; one without a mask can only be the start of a stretch.
    pub(super) fn push(&mut self, observation: &[f32], mask: Option<&ActionMask>) -> FrameId {
        assert_eq!(observation.len(), self.n_features, "an observation has one number per feature");
        let width = self.width();
        let (chunk, row) = place(self.next.wrapping_sub(self.first));
        if chunk == self.chunks.len() {
            let fresh = || Chunk { rows: vec![0; CHUNK * width], references: 0 };
            let fresh = self.spare.pop().unwrap_or_else(fresh);
            self.chunks.push_back(fresh);
        }
        let row = &mut self.chunks[chunk].rows[row * width..][..width];
        let (numbers, bits) = row.split_at_mut(4 * self.n_features);
        for (bytes, number) in numbers.as_chunks_mut::<4>().0.iter_mut().zip(observation) {
            *bytes = number.to_le_bytes();
        }
        bits.fill(0);
        if let Some(mask) = mask {
            assert_eq!(mask.n_actions(), self.n_actions, "a mask has one flag per action");
            pack(mask.flags(), bits);
        }
        let id = self.next;
        self.next = id.wrapping_add(1);
        id
    }

    pub(super) fn refer(&mut self, id: FrameId) {
        let (chunk, _) = place(id.wrapping_sub(self.first));
        self.chunks[chunk].references += 1;
    }

    /// Takes back a reference, and the memory of the front when that was its last one.
    pub(super) fn release(&mut self, id: FrameId) {
        let (chunk, _) = place(id.wrapping_sub(self.first));
        self.chunks[chunk].references -= 1;
        // The chunk being filled is not handed on: frames may be pushed before they are referred to.
        while self.chunks.len() > 1 && self.chunks[0].references == 0 {
            self.spare.extend(self.chunks.pop_front());
            self.first = self.first.wrapping_add(CHUNK as FrameId);
        }
    }

    /// Observation and mask of a frame as they are stored.
    pub(super) fn row(&self, id: FrameId) -> Row<'_> {
        let (chunk, row) = place(id.wrapping_sub(self.first));
        let width = self.width();
        let row = &self.chunks[chunk].rows[row * width..][..width];
        let (observation, mask) = row.split_at(4 * self.n_features);
        Row { observation: observation.as_chunks().0, mask }
    }

    /// Number of the oldest stored frame.
    pub(super) fn first(&self) -> FrameId {
        self.first
    }

    /// Whether the memory of the frame was not handed on yet.
    pub(super) fn is_stored(&self, id: FrameId) -> bool {
        id.wrapping_sub(self.first) < self.next.wrapping_sub(self.first)
    }

    /// All stored observations and mask bits, oldest first, the rows in flat order.
    pub(super) fn stored(&self) -> (Vec<f32>, Vec<u8>) {
        let n = self.next.wrapping_sub(self.first);
        let ids = (0..n).map(|offset| self.first.wrapping_add(offset));
        let observations = ids.clone().flat_map(|id| self.row(id).numbers()).collect();
        (observations, ids.flat_map(|id| self.row(id).mask).copied().collect())
    }

    /// Stores into an empty queue what [`stored`](Self::stored) gave, numbered from 0; returns the
    /// number of frames, or `None` when the lengths do not fit.
    pub(super) fn fill(&mut self, observations: &[f32], masks: &[u8]) -> Option<FrameId> {
        let width = self.mask_width();
        let n = masks.len() / width.max(1);
        if n * width != masks.len() || n * self.n_features != observations.len() {
            return None;
        }
        for row in 0..n {
            let id = self.push(&observations[row * self.n_features..][..self.n_features], None);
            let (chunk, there) = place(id);
            let there = there * self.width() + 4 * self.n_features;
            self.chunks[chunk].rows[there..][..width]
                .copy_from_slice(&masks[row * width..][..width]);
        }
        FrameId::try_from(n).ok()
    }

    /// Whether the frame is still stored and shows this very observation, bit for bit.
    pub(super) fn shows(&self, id: FrameId, observation: &[f32]) -> bool {
        self.is_stored(id)
            && self.row(id).observation.iter().zip(observation).all(|(a, b)| *a == b.to_le_bytes())
    }

    /// Whether the frame has this mask.
    pub(super) fn allows(&self, id: FrameId, mask: &ActionMask) -> bool {
        let bits = self.row(id).mask;
        let flags = mask.flags().iter().enumerate();
        flags.into_iter().all(|(action, &flag)| (bits[action / 8] >> (action % 8) & 1 == 1) == flag)
    }

    fn mask_width(&self) -> usize {
        self.n_actions.div_ceil(8)
    }

    /// Bytes of a frame.
    fn width(&self) -> usize {
        4 * self.n_features + self.mask_width()
    }
}

/// A stored frame.
#[derive(Clone, Copy)]
pub(super) struct Row<'r> {
    /// Little-endian numbers.
    observation: &'r [[u8; 4]],
    mask: &'r [u8],
}

impl<'r> Row<'r> {
    /// The observation.
    pub(super) fn numbers(self) -> impl Iterator<Item = f32> + 'r {
        self.observation.iter().map(|&bytes| f32::from_le_bytes(bytes))
    }

    /// One flag for each of the actions.
    pub(super) fn flags(self, n_actions: usize) -> impl Iterator<Item = bool> + 'r {
        (0..n_actions).map(move |action| self.mask[action / 8] >> (action % 8) & 1 == 1)
    }

    /// Some byte of it: reading it brings the row into the processor's cache.
    pub(super) fn touch(self) -> u8 {
        self.observation.first().map_or(0, |bytes| bytes[0])
    }
}

/// Chunk and row of the frame at this distance from the front.
fn place(offset: FrameId) -> (usize, usize) {
    (offset as usize / CHUNK, offset as usize % CHUNK)
}

fn pack(flags: &[bool], bits: &mut [u8]) {
    for (byte, flags) in bits.iter_mut().zip(flags.chunks(8)) {
        *byte = flags.iter().rev().fold(0, |byte, &flag| byte << 1 | u8::from(flag));
    }
}

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
    /// Shape `[CHUNK, n_features]`.
    observations: Vec<f32>,
    /// One bit per action, shape `[CHUNK, ⌈n_actions / 8⌉]`.
    masks: Vec<u8>,
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
        (chunks * CHUNK * (4 * self.n_features + self.mask_width())) as u64
    }

    /// Stores a frame; one without a mask can only be the start of a stretch.
    pub(super) fn push(&mut self, observation: &[f32], mask: Option<&ActionMask>) -> FrameId {
        let (n_features, mask_width) = (self.n_features, self.mask_width());
        let (chunk, row) = place(self.next.wrapping_sub(self.first));
        if chunk == self.chunks.len() {
            let fresh = self.spare.pop().unwrap_or_else(|| Chunk {
                observations: vec![0.0; CHUNK * n_features],
                masks: vec![0; CHUNK * mask_width],
                references: 0,
            });
            self.chunks.push_back(fresh);
        }
        let chunk = &mut self.chunks[chunk];
        chunk.observations[row * n_features..(row + 1) * n_features].copy_from_slice(observation);
        let bits = &mut chunk.masks[row * mask_width..(row + 1) * mask_width];
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

    pub(super) fn observation(&self, id: FrameId) -> &[f32] {
        let (chunk, row) = place(id.wrapping_sub(self.first));
        &self.chunks[chunk].observations[row * self.n_features..(row + 1) * self.n_features]
    }

    fn mask_bits(&self, id: FrameId) -> &[u8] {
        let (chunk, row) = place(id.wrapping_sub(self.first));
        &self.chunks[chunk].masks[row * self.mask_width()..(row + 1) * self.mask_width()]
    }

    /// Appends one flag per action.
    pub(super) fn extend_with_mask(&self, id: FrameId, flags: &mut Vec<bool>) {
        let bits = self.mask_bits(id);
        flags.extend((0..self.n_actions).map(|action| bits[action / 8] >> (action % 8) & 1 == 1));
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
        let observations = ids.clone().flat_map(|id| self.observation(id)).copied().collect();
        (observations, ids.flat_map(|id| self.mask_bits(id)).copied().collect())
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
            let (chunk, row_there) = place(id);
            self.chunks[chunk].masks[row_there * width..][..width]
                .copy_from_slice(&masks[row * width..][..width]);
        }
        FrameId::try_from(n).ok()
    }

    /// Whether the frame is still stored and shows this very observation, bit for bit.
    pub(super) fn shows(&self, id: FrameId, observation: &[f32]) -> bool {
        self.is_stored(id)
            && self.observation(id).iter().zip(observation).all(|(a, b)| a.to_bits() == b.to_bits())
    }

    /// Whether the frame has this mask.
    pub(super) fn allows(&self, id: FrameId, mask: &ActionMask) -> bool {
        let bits = self.mask_bits(id);
        let flags = mask.flags().iter().enumerate();
        flags.into_iter().all(|(action, &flag)| (bits[action / 8] >> (action % 8) & 1 == 1) == flag)
    }

    fn mask_width(&self) -> usize {
        self.n_actions.div_ceil(8)
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

//! Who else is attached to our interfaces. Ids of programs may be asked for with CAP_NET_ADMIN; their names
//! take root's rights, so that they are asked for before these are given up.

use std::collections::HashMap;

use crate::{
    kernel::{self, Attachment},
    top::app::{Hook, Neighbour},
};

/// Names of programs.
pub struct Known(HashMap<u32, String>);

impl Known {
    /// Asks for the names of all programs; there are none where that is not permitted.
    pub fn ask() -> Self {
        Self(kernel::program_names().collect())
    }

    /// The programs at the hooks of these interfaces. A hook that the kernel does not have, or does not tell
    /// of, is left out.
    pub fn hooks(&self, attachments: &[Attachment]) -> Vec<Hook> {
        let mut hooks = Vec::new();
        for Attachment { interface, index, .. } in attachments {
            let mut add = |hook: &str, ids: &[u32]| {
                let programs = ids.iter().map(|id| self.program(*id)).collect();
                hooks.push(Hook { interface: interface.clone(), hook: hook.into(), programs });
            };
            if let Ok(Some(occupant)) = kernel::xdp_occupant(*index) {
                add("xdp", &occupant.id.into_iter().collect::<Vec<_>>());
            }
            if let Ok([received, sent]) = kernel::tcx_order(*index) {
                add("tcx in", &received);
                add("tcx out", &sent);
            }
        }
        hooks
    }

    fn program(&self, id: u32) -> Neighbour {
        Neighbour { id, name: self.0.get(&id).cloned(), ours: kernel::is_ours(id) }
    }
}

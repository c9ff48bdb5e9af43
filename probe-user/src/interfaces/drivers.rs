//! What attaching a native XDP program does to the link, by driver. The driver decides: some
//! swap a pointer, most stop the link and set up its queues anew.

/// What happens to the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A pointer is swapped.
    None,
    /// The driver stops the link, sets up its queues anew and starts it again.
    Restart,
    /// As `Restart`, and for all functions of the card that this one stands for.
    Reset,
    /// As `Restart`, which the host on the other side takes part in.
    Reconnect,
    /// The queues stop for a moment; the host stops to merge frames and to leave checksums out.
    Virtio,
    /// The other end of the pair stops to send frames that are cut later.
    Veth,
    /// What the driver of each interface below does.
    Below,
}

impl Effect {
    /// In words that end the sentence "xdp-native on eth0 (driver): ".
    pub const fn text(self) -> &'static str {
        match self {
            Self::None => "attaching changes nothing on the link",
            Self::Restart => {
                "attaching and detaching stop the link and set up its queues again: no frame passes \
                 for milliseconds to seconds"
            }
            Self::Reset => {
                "attaching and detaching reset the card's function: no frame passes for up to \
                 seconds"
            }
            Self::Reconnect => {
                "attaching and detaching renegotiate with the host: no frame passes for a moment"
            }
            Self::Virtio => {
                "attaching and detaching stop the queues for a moment; while attached, the host \
                 neither merges frames (GRO_HW) nor leaves their checksums to the guest"
            }
            Self::Veth => {
                "while attached, the other end's TSO and GSO are off: bulk TCP over the link falls to half \
                 or less"
            }
            Self::Below => {
                "attaching and detaching affect each lower interface as its own driver does"
            }
        }
    }
}

/// A driver with native XDP.
#[derive(Clone, Copy, Debug)]
pub struct Driver {
    /// Its name in sysfs, or the kind of the interface.
    pub name: &'static str,
    /// What attaching does.
    pub effect: Effect,
    /// The kernel function that shows it, in Linux 6.12 unless docs/limits.md says otherwise.
    pub function: &'static str,
}

/// The drivers whose `ndo_bpf` was read. One that is missing here still gets its chance:
/// `--hook xdp` tries.
pub const DRIVERS: &[Driver] = {
    use Effect::{Below, None, Reconnect, Reset, Restart, Veth, Virtio};
    const fn driver(name: &'static str, effect: Effect, function: &'static str) -> Driver {
        Driver { name, effect, function }
    }
    &[
        driver("am65-cpsw-nuss", Restart, "am65_cpsw_xdp_prog_setup"),
        driver("atlantic", Restart, "aq_xdp_setup"),
        driver("bnxt_en", Restart, "bnxt_xdp_set"),
        driver("bond", Below, "bond_xdp_set"),
        driver("cpsw", None, "cpsw_xdp_prog_setup"),
        driver("cpsw-switch", None, "cpsw_xdp_prog_setup"),
        driver("ena", Restart, "ena_xdp_set"),
        driver("fec", Restart, "fec_enet_bpf"),
        driver("fsl_dpa", Restart, "dpaa_setup_xdp"),
        driver("fsl_dpaa2_eth", Restart, "dpaa2_eth_setup_xdp"),
        driver("fsl_enetc", Restart, "enetc_setup_xdp_prog"),
        driver("funeth", Restart, "fun_enter_xdp"),
        driver("gve", Restart, "gve_set_xdp"),
        driver("hv_netvsc", Below, "netvsc_vf_setxdp"),
        driver("i40e", Reset, "i40e_xdp_setup"),
        driver("ice", Restart, "ice_xdp_setup_prog"),
        driver("idpf", Reset, "idpf_xdp_setup_prog"),
        driver("igb", Restart, "igb_xdp_setup"),
        driver("igc", Restart, "igc_xdp_set_prog"),
        driver("ionic", Restart, "ionic_xdp_config"),
        driver("ixgbe", Restart, "ixgbe_xdp_setup"),
        driver("ixgbevf", Restart, "ixgbevf_xdp_setup"),
        driver("lan966x-switch", Restart, "lan966x_xdp_setup"),
        driver("mana", None, "mana_xdp_set"),
        driver("mlx4_core", Restart, "mlx4_xdp_set"),
        driver("mlx5_core", Restart, "mlx5e_xdp_set"),
        driver("mtk_soc_eth", Restart, "mtk_xdp_setup"),
        driver("mvneta", Restart, "mvneta_xdp_setup"),
        driver("mvpp2", Restart, "mvpp2_xdp_setup"),
        driver("netdevsim", None, "nsim_xdp_set_prog"),
        driver("netsec", Restart, "netsec_xdp_setup"),
        driver("nfp", Restart, "nfp_net_xdp_setup_drv"),
        driver("nicvf", Restart, "nicvf_xdp_setup"),
        driver("qede", Restart, "qede_xdp_set"),
        driver("rvu_nicpf", Restart, "otx2_xdp_setup"),
        driver("sfc", None, "efx_xdp_setup_prog"),
        driver("sfc_siena", None, "efx_xdp_setup_prog"),
        driver("stmmac", Restart, "stmmac_xdp_set_prog"),
        driver("tsnep", None, "tsnep_xdp_setup_prog"),
        driver("tun", None, "tun_xdp_set"),
        driver("veth", Veth, "veth_xdp_set"),
        driver("vif", Reconnect, "xennet_xdp_set"),
        driver("virtio_net", Virtio, "virtnet_xdp_set"),
        driver("vmxnet3", Restart, "vmxnet3_xdp_set"),
    ]
};

/// What is known of a driver, where it has native XDP.
pub fn native(driver: &str) -> Option<&'static Driver> {
    DRIVERS.iter().find(|known| known.name == driver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order_and_once() {
        assert!(DRIVERS.is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(native("veth").map(|driver| driver.effect), Some(Effect::Veth));
        assert!(native("e1000e").is_none());
    }

    /// The table of docs/limits.md is this one.
    #[test]
    fn the_docs_have_them_all() {
        let docs = include_str!("../../../docs/limits.md");
        for Driver { name, function, .. } in DRIVERS {
            let of_driver =
                |line: &&str| line.starts_with('|') && line.contains(&format!("`{name}`"));
            let rows: Vec<&str> = docs.lines().filter(of_driver).collect();
            let [row] = rows[..] else { panic!("{name}: {rows:?}") };
            assert!(row.contains(&format!("`{function}`")), "{name}: no {function} in {row}");
        }
    }
}

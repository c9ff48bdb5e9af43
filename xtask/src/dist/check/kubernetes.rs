//! The manifests of deploy/kubernetes, against the schemas of Kubernetes.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use testbed::run;
use xtask::shell::root;

/// Has the schemas in it (PyPI).
const VALIDATOR: &str = "kubernetes-validate==1.37.0";
/// Enough to fetch it.
const LIMIT: Duration = Duration::from_secs(300);

/// Renders them, and has each object looked at.
pub fn check() -> Result<String> {
    let python = root().join(".tools/python");
    let validator = python.join("bin/kubernetes-validate");
    if !validator.is_file() {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv"]).arg(&python);
        run(venv, LIMIT).context("Python's venv (Debian's python3-venv)")?;
        let mut pip = Command::new(python.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", VALIDATOR]);
        run(pip, LIMIT).with_context(|| format!("installing {VALIDATOR}"))?;
    }
    let mut render = Command::new("kubectl");
    render.arg("kustomize").arg(root().join("deploy/kubernetes"));
    let rendered = run(render, LIMIT)?.text();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("probe.yaml");
    fs::write(&file, &rendered)?;
    // Its first line names the folder that it was installed to, which may have another name by now.
    let mut validate = Command::new(python.join("bin/python"));
    validate.arg(validator).arg("--strict").arg(&file);
    let said = run(validate, LIMIT)?;
    let said = format!("{}{}", said.text(), said.stderr);
    let passed = said.lines().filter(|line| line.contains(" passed ")).count();
    let objects = rendered.lines().filter(|line| line.starts_with("kind: ")).count();
    ensure!(objects > 0 && passed == objects, "{passed} of {objects} objects passed: {said}");
    Ok(format!("{passed} objects as the schemas want them"))
}

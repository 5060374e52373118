//! How the servers of one cluster are started: what they are told, and why.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::access::{Access, write_kubeconfig};
use crate::process::Process;

/// Of who may do everything.
pub(super) const ADMIN_TOKEN: &str = "admin";
const CONTROLLERS_TOKEN: &str = "controllers";
const SCHEDULER_TOKEN: &str = "scheduler";

/// What apps of tests need, and what keeps nodes and accounts as they should be. Each of the others costs memory.
const CONTROLLERS: &str = "clusterrole-aggregation,cronjob,daemonset,deployment,disruption,endpoint,endpointslice,\
                           garbagecollector,job,namespace,nodelifecycle,podgc,replicaset,resourcequota,\
                           serviceaccount,serviceaccount-token,statefulset,ttl-after-finished";

/// A node that has not answered for so long is not ready. It is 40 s elsewhere.
const NODE_ANSWERS_WITHIN: &str = "12s";

/// Where one cluster's servers are and what they keep.
pub(super) struct Plan {
    programs: PathBuf,
    folder: PathBuf,
    etcd_port: u16,
    peer_port: u16,
    api_port: u16,
}

impl Plan {
    /// Takes ports that are free now, and lays out the files that servers read when they start.
    pub(super) fn new(programs: &Path, folder: &Path) -> Self {
        let [etcd_port, peer_port, api_port] = free_ports();
        let plan = Self {
            programs: programs.to_owned(),
            folder: folder.to_owned(),
            etcd_port,
            peer_port,
            api_port,
        };
        let tokens = format!(
            "{ADMIN_TOKEN},admin,1,\"system:masters\"\n\
             {CONTROLLERS_TOKEN},system:kube-controller-manager,2,\"system:masters\"\n\
             {SCHEDULER_TOKEN},system:kube-scheduler,3\n"
        );
        fs::write(plan.file("tokens.csv"), tokens).expect("tokens can be written");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ecdsa", "-m", "PEM", "-N", "", "-f"])
            .arg(plan.file("accounts.key"))
            .status();
        assert!(
            made.is_ok_and(|made| made.success()),
            "ssh-keygen made no key for service accounts"
        );
        plan
    }

    pub(super) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.api_port)
    }

    /// The certificate that kube-apiserver makes for itself, and who signed it.
    pub(super) fn authority(&self) -> PathBuf {
        self.file("certificates/apiserver.crt")
    }

    pub(super) fn etcd(&self) -> Process {
        let client = format!("http://127.0.0.1:{}", self.etcd_port);
        let peer = format!("http://127.0.0.1:{}", self.peer_port);
        let mut command = Command::new("etcd");
        command
            .arg("--data-dir")
            .arg(self.file("etcd"))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}")])
            // It keeps so many of the last writes in memory.
            .args(["--snapshot-count", "2000"]);
        self.start("etcd", &command)
    }

    pub(super) fn apiserver(&self) -> Process {
        let mut command = self.command("kube-apiserver");
        command
            .arg("--cert-dir")
            .arg(self.file("certificates"))
            .arg("--token-auth-file")
            .arg(self.file("tokens.csv"))
            .args(["--service-account-issuer", "https://kubernetes.default.svc"])
            .arg("--service-account-signing-key-file")
            .arg(self.file("accounts.key"))
            .arg("--service-account-key-file")
            .arg(self.file("accounts.key"))
            .arg(format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_port))
            .arg(format!("--secure-port={}", self.api_port))
            .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
            .args(["--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/20"])
            // Else it would offer itself to pods at an address that no pod can reach.
            .arg("--endpoint-reconciler-type=none")
            // Tests ask as fast as they can, and a cluster of a test has one user.
            .args(["--enable-priority-and-fairness=false", "--profiling=false", "--v=1"]);
        self.start("kube-apiserver", &command)
    }

    pub(super) fn controller_manager(&self) -> Process {
        let mut command = self.command("kube-controller-manager");
        command
            .arg("--kubeconfig")
            .arg(self.file("controllers.kubeconfig"))
            .arg("--service-account-private-key-file")
            .arg(self.file("accounts.key"))
            .arg("--root-ca-file")
            .arg(self.authority())
            .arg(format!("--controllers={CONTROLLERS}"))
            .args(["--leader-elect=false", "--port=0", "--secure-port=0", "--profiling=false"])
            .args(["--kube-api-qps=200", "--kube-api-burst=400"])
            .arg(format!("--node-monitor-grace-period={NODE_ANSWERS_WITHIN}"))
            .args(["--node-monitor-period=1s", "--v=1"]);
        self.start("kube-controller-manager", &command)
    }

    pub(super) fn scheduler(&self) -> Process {
        let mut command = self.command("kube-scheduler");
        command
            .arg("--kubeconfig")
            .arg(self.file("scheduler.kubeconfig"))
            .args(["--leader-elect=false", "--port=0", "--secure-port=0", "--profiling=false"])
            .args(["--kube-api-qps=200", "--kube-api-burst=400", "--v=1"]);
        self.start("kube-scheduler", &command)
    }

    /// Writes what the servers beside kube-apiserver need to reach it.
    pub(super) fn write_kubeconfigs(&self) {
        for (name, token) in [("controllers", CONTROLLERS_TOKEN), ("scheduler", SCHEDULER_TOKEN)] {
            let access = Access::new(name, self.url(), self.authority(), token);
            write_kubeconfig(&self.file(&format!("{name}.kubeconfig")), [&access]);
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        // A fifth of a cluster's memory, for a tenth of the time that it takes to start.
        command.env("GOGC", "30");
        command
    }

    fn start(&self, program: &'static str, command: &Command) -> Process {
        Process::start(program, command, &self.folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Ports of loopback that nobody listened on a moment ago.
fn free_ports<const N: usize>() -> [u16; N] {
    // All are held until all are found: none is found twice.
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port is free"));
    held.map(|held| held.local_addr().expect("it has an address").port())
}

package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/control"
)

// daemon is a program that "ocifake hosts" configures.
type daemon struct {
	name  string
	files func(site) []daemonFile
}

// daemonFile is a file with a note that is printed with its path.
type daemonFile struct{ path, text, note string }

var daemons = []daemon{
	{"docker", dockerFiles},
	{"containerd", containerdFiles},
	{"buildkit", buildkitFiles},
	{"podman", podmanFiles},
	{"kind", kindFiles},
	{"k3d", k3dFiles},
}

func daemonNames() (names []string) {
	for _, d := range daemons {
		names = append(names, d.name)
	}
	return names
}

func findDaemon(name string) daemon {
	return daemons[slices.IndexFunc(daemons, func(d daemon) bool { return d.name == name })]
}

// site is what the files of a daemon are about.
type site struct {
	control.Hosts
	dir string // of all files; empty: the usual ones of each daemon
}

// at returns the path of a file: in the directory of all files, or else in its usual one.
func (s site) at(usual, name string) string {
	if s.dir != "" {
		return filepath.Join(s.dir, filepath.FromSlash(name))
	}
	return usual + "/" + name
}

// hostNames returns the names of all hosts, and those of their aliases that are no patterns, with
// the port if only one leads to the registry.
func (s site) hostNames() (names []string) {
	for _, h := range s.Hosts.Hosts {
		names = append(names, fullName(h))
		for _, alias := range h.Aliases {
			if !strings.Contains(alias, "*") && alias != h.Name {
				names = append(names, alias)
			}
		}
	}
	return names
}

// notProxied are the exceptions of a daemon. Nodes of clusters reach one another by private addresses.
const notProxied = "localhost,127.0.0.1,::1"
const notProxiedInCluster = notProxied + ",10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,.svc,.cluster.local"

// service returns a drop-in file of systemd with the proxy in the environment, and more variables.
func (s site) service(more ...string) string {
	text := "[Service]\n"
	for _, v := range append([]string{"HTTP_PROXY=" + s.Proxy, "HTTPS_PROXY=" + s.Proxy, "NO_PROXY=" + notProxied}, more...) {
		text += fmt.Sprintf("Environment=\"%s\"\n", v)
	}
	return text
}

// goTrust returns the variable that makes a program in Go trust the certificates in a directory
// besides those of the system.
func goTrust(dir string) string {
	return "SSL_CERT_DIR=/etc/ssl/certs:/etc/pki/tls/certs:" + dir
}

// dockerFiles: Docker Hub is trusted by the certificates of the system only, and not by those in
// certs.d, so that the environment has to name a directory.
func dockerFiles(s site) []daemonFile {
	trust := s.at("/etc/docker", "ocifake/ca.pem")
	return []daemonFile{
		{s.at("/etc/docker", "daemon.json"), fmt.Sprintf(`{
  "proxies": {
    "http-proxy": %q,
    "https-proxy": %[1]q,
    "no-proxy": %q
  }
}
`, s.Proxy, notProxied), "Docker 23 and later can have the proxy here, in place of the next file"},
		{s.at("/etc/systemd/system/docker.service.d", "http-proxy.conf"), s.service(goTrust(filepath.Dir(trust))), ""},
		{trust, s.CA, ""},
	}
}

func containerdFiles(s site) []daemonFile {
	return append([]daemonFile{
		{s.at("/etc/containerd", "config.toml"), containerdConfig(s.at("/etc/containerd", "certs.d")), "for Kubernetes; ctr and nerdctl have --hosts-dir"},
		{s.at("/etc/systemd/system/containerd.service.d", "http-proxy.conf"), s.service(), ""},
	}, s.certsD("/etc/containerd", s.at("/etc/containerd", "certs.d"))...)
}

// containerdConfig names the directory of hosts to the plugin for Kubernetes.
func containerdConfig(dir string) string {
	return fmt.Sprintf(`version = 2
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = %q
`, dir)
}

// certsD returns the directory of hosts of containerd. seen is the directory as containerd sees it.
func (s site) certsD(usual, seen string) []daemonFile {
	files := []daemonFile{{s.at(usual, "certs.d/ocifake.pem"), s.CA, ""}}
	for _, name := range s.hostNames() {
		server := "https://" + name
		if name == "docker.io" {
			server = "https://registry-1.docker.io"
		}
		files = append(files, daemonFile{s.at(usual, "certs.d/"+name+"/hosts.toml"), fmt.Sprintf(`server = %q
ca = %q

[host.%[1]q]
  capabilities = ["pull", "resolve", "push"]
  ca = %[2]q
`, server, seen+"/ocifake.pem"), ""})
	}
	return files
}

// buildkitFiles: buildkitd takes the proxy from its environment.
func buildkitFiles(s site) []daemonFile {
	ca := s.at("/etc/buildkit", "ocifake.pem")
	text := "# buildkitd takes the proxy from its environment:\n" +
		fmt.Sprintf("#   HTTP_PROXY=%s HTTPS_PROXY=%[1]s NO_PROXY=%s buildkitd --config buildkitd.toml\n", s.Proxy, notProxied) +
		"# and in a container of buildx:\n" +
		fmt.Sprintf("#   docker buildx create --buildkitd-config buildkitd.toml --driver-opt env.HTTPS_PROXY=%s,env.HTTP_PROXY=%[1]s\n", s.Proxy)
	for _, name := range s.hostNames() {
		text += fmt.Sprintf("[registry.%q]\n  ca = [%q]\n", name, ca)
	}
	return []daemonFile{{s.at("/etc/buildkit", "buildkitd.toml"), text, ""}, {ca, s.CA, ""}}
}

func podmanFiles(s site) []daemonFile {
	registries := "unqualified-search-registries = [\"docker.io\"]\n"
	for _, name := range s.hostNames() {
		registries += fmt.Sprintf("\n[[registry]]\nlocation = %q\ninsecure = false\nblocked = false\n", name)
	}
	files := []daemonFile{
		{s.at("/etc/containers", "registries.conf.d/ocifake.conf"), registries, ""},
		{s.at("/etc/containers", "containers.conf.d/ocifake.conf"), fmt.Sprintf(`[engine]
env = ["HTTP_PROXY=%s", "HTTPS_PROXY=%[1]s", "NO_PROXY=%s"]
`, s.Proxy, notProxied), "without root, these files belong below ~/.config/containers"},
	}
	for _, name := range s.hostNames() {
		files = append(files, daemonFile{s.at("/etc/containers", "certs.d/"+name+"/ca.crt"), s.CA, ""})
	}
	return files
}

// kindFiles: kind gives the proxy in its own environment to the nodes.
func kindFiles(s site) []daemonFile {
	const inNode = "/etc/containerd/certs.d"
	usual := "."
	cluster := fmt.Sprintf(`# HTTP_PROXY=%s HTTPS_PROXY=%[1]s NO_PROXY=%s \
#   kind create cluster --config kind.yaml
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
containerdConfigPatches:
- |-
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = %q
nodes:
- role: control-plane
  extraMounts:
  - hostPath: %q
    containerPath: %[3]q
    readOnly: true
`, s.Proxy, notProxiedInCluster, inNode, s.at(usual, "certs.d"))
	return append([]daemonFile{{s.at(usual, "kind.yaml"), cluster, ""}}, s.certsD(usual, inNode)...)
}

func k3dFiles(s site) []daemonFile {
	const inNode = "/etc/rancher/k3s/ocifake.pem"
	ca := s.at(".", "ocifake.pem")
	registries := ""
	if len(s.hostNames()) > 0 {
		registries = "configs:\n"
	}
	for _, name := range s.hostNames() {
		registries += fmt.Sprintf("  %q:\n    tls:\n      ca_file: %q\n", name, inNode)
	}
	cluster := fmt.Sprintf(`# k3d cluster create --config k3d.yaml
apiVersion: k3d.io/v1alpha5
kind: Simple
servers: 1
volumes:
- volume: %q
  nodeFilters: ["all"]
env:
- envVar: "HTTP_PROXY=%s"
  nodeFilters: ["all"]
- envVar: "HTTPS_PROXY=%[2]s"
  nodeFilters: ["all"]
- envVar: "NO_PROXY=%s"
  nodeFilters: ["all"]
registries:
  config: |
`, ca+":"+inNode, s.Proxy, notProxiedInCluster)
	for line := range strings.Lines(registries) {
		cluster += "    " + line
	}
	return []daemonFile{{s.at(".", "k3d.yaml"), cluster, ""}, {ca, s.CA, ""}}
}

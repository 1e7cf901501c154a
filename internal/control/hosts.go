package control

import "net/http"

// Hosts are the hosts for which registries stand in.
type Hosts struct {
	// Proxy is the URL of the forward proxy that leads to them.
	Proxy string `json:"proxy"`

	// CA is the certificate of the authority that signs the certificates of the hosts, in PEM form.
	CA string `json:"ca"`

	Hosts []Host  `json:"hosts"`
	Asked []Asked `json:"asked"`
}

// Host is a host for which a registry stands in.
type Host struct {
	Name    string   `json:"name"`
	Port    string   `json:"port,omitempty"` // the only one that leads to the registry; empty: 80 and 443
	Aliases []string `json:"aliases"`        // patterns of its other names
	Profile string   `json:"profile"`        // or strict
}

// Asked is another host that clients asked the proxy for.
type Asked struct {
	Host   string `json:"host"`
	Count  int    `json:"count"`
	Passed bool   `json:"passed"` // tunnels lead to the real host; otherwise they were refused
}

func hostRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "hosts", summary: "List the hosts for which registries stand in, and the other hosts that clients asked for",
			answers: []answer{ok("Hosts", "the hosts"), {http.StatusNotFound, "there are no hosts", jsonType, "Error"}}, handle: (*API).listHosts},
	}
}

func (a *API) listHosts(w http.ResponseWriter, _ *request) error {
	if a.config.World == nil {
		return notFound("no registry stands in for a host: start ocifake with --hosts")
	}
	reply(w, http.StatusOK, a.config.World())
	return nil
}

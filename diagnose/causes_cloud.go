package diagnose

import (
	"errors"
	"fmt"
	"net/http"

	"osssh/internal/openstack"
	"osssh/internal/terminal"
)

// cloudCauses are those that the catalogue numbers with C.
func cloudCauses() []Cause {
	return []Cause{
		{
			ID: "C1", Slug: "network-service-missing", Layer: Cloud,
			Title: "the catalog has no network service, so addresses and security groups cannot be read",
			Shows: "a diagnosis that knows only what nova knows",
			Told:  "the catalog of the token",
			Mends: "network_endpoint_override in clouds.yaml, or another region or interface",
			Find:  findNetworkServiceMissing,
		},
		{
			ID: "C2", Slug: "forbidden", Layer: Cloud,
			Title: "your role may not ask what is needed",
			Shows: "\"Policy doesn't allow …\", 403",
			Told:  "the service's 403",
			Mends: "ask for the role member (for addresses: reader) in the project",
			Find:  findForbidden,
		},
		{
			ID: "C3", Slug: "api-failing", Layer: Cloud,
			Title: "a service of the cloud fails",
			Shows: "an API error with a number of 500 or more",
			Told:  "status, message and request id",
			Mends: "try again; if it stays, tell the operator the request id",
			Find:  findAPIFailing,
		},
		{
			ID: "C4", Slug: "throttled", Layer: Cloud,
			Title: "the cloud admits no further calls for now",
			Shows: "429, too many requests",
			Told:  "the 429 that stayed after the waiting that it asked for",
			Mends: "wait a minute",
			Find:  findThrottled,
		},
		{
			ID: "C5", Slug: "neutron-breaks-nova", Layer: Cloud,
			Title: "neutron is down, and so nova fails to list servers with details",
			Shows: "500 for /servers/detail only",
			Told:  "/servers answers where /servers/detail does not",
			Mends: "tell the operator; by its id a server may still be found",
			Find:  findNeutronBreaksNova,
		},
		{
			ID: "C6", Slug: "cell-down", Layer: Cloud,
			Title: "the part of the cloud that holds the server (its cell) is down",
			Shows: "status UNKNOWN, or a name that is missing",
			Told:  "by its id nova gives a stub of the server",
			Mends: "tell the operator",
			Find:  findCellDown,
		},
		{
			ID: "C7", Slug: "microversion", Layer: Cloud,
			Title: "nova refuses the API's microversion",
			Shows: "406",
			Told:  "the 406, also for the version that its version document names",
			Mends: "tell the operator: a proxy before nova may cut the header",
			Find:  findMicroversion,
		},
		{
			ID: "C8", Slug: "endpoint-unreachable", Layer: Cloud,
			Title: "the catalog names an endpoint that is not reached from here",
			Shows: "a timeout or an unknown host, though signing in works",
			Told:  "keystone answers, the service's host does not",
			Mends: "--os-interface public, or an endpoint override in clouds.yaml",
			Find:  findEndpointUnreachable,
		},
	}
}

// blind says that nothing of what was asked of the cloud leads further, and no
// server was seen to answer: then a failing API is what stops the login.
func (f *Facts) blind() bool {
	for _, probe := range f.Probes {
		if probe.Answered() {
			return false
		}
	}
	return true
}

// stopper is an API's error that ended the search, or keeps the way unknown.
func (f *Facts) stopper() error {
	switch {
	case f.Setup.SignIn != nil:
		return f.Setup.SignIn
	case f.Nova.Lookup != nil:
		return f.Nova.Lookup
	case f.blind():
		return f.Neutron.Missing
	}
	return nil
}

// stoppedBy gives the stopper if it is an answer with one of these statuses.
func (f *Facts) stoppedBy(fits func(status int) bool) *openstack.APIError {
	var api *openstack.APIError
	if errors.As(f.stopper(), &api) && fits(api.Status) {
		return api
	}
	return nil
}

func findNetworkServiceMissing(f *Facts) *Finding {
	var missing *openstack.ServiceMissingError
	if !errors.As(f.Neutron.Missing, &missing) || !f.blind() {
		return nil
	}
	return &Finding{
		Confidence: Certain,
		What:       "the catalog has no network service: addresses beyond nova's and security groups cannot be read",
		Evidence:   []string{missing.Error()},
		Fix:        Fix{Words: fmt.Sprintf("network_endpoint_override: URL in the entry of cloud %q in clouds.yaml, or another --os-interface", f.Setup.Cloud)},
	}
}

func findForbidden(f *Facts) *Finding {
	api := f.stoppedBy(func(status int) bool { return status == http.StatusForbidden })
	if api == nil {
		return nil
	}
	return &Finding{
		Confidence: Certain,
		What:       fmt.Sprintf("you may not %s %s of %s", api.Method, api.Path, api.Service),
		Evidence:   apiEvidence(api),
		Fix:        Fix{Words: "ask the project's owner for the role member (to read: reader)"},
	}
}

func apiEvidence(api *openstack.APIError) []string {
	line := fmt.Sprintf("%s answers %d: %s", api.Service, api.Status, api.Message)
	if api.RequestID != "" {
		line += " (request " + api.RequestID + ")"
	}
	return []string{line}
}

func findAPIFailing(f *Facts) *Finding {
	var broken *openstack.BodyError
	if errors.As(f.stopper(), &broken) {
		return &Finding{
			Confidence: Certain, What: fmt.Sprintf("%s does not answer as an OpenStack API does", broken.URL),
			Evidence: []string{broken.Error()}, Fix: Fix{Words: "is a proxy or a login page between? Else tell the operator"},
		}
	}
	api := f.stoppedBy(func(status int) bool { return status >= 500 })
	if api == nil || f.Nova.ListWorks {
		return nil
	}
	return &Finding{
		Confidence: Certain, What: fmt.Sprintf("%s fails with %d", api.Service, api.Status),
		Evidence: apiEvidence(api), Fix: Fix{Words: "try again; if it stays, tell the operator" + requestWords(api)},
	}
}

// requestWords names the request where the answer came with its id: one of a
// load balancer does not.
func requestWords(api *openstack.APIError) string {
	if api.RequestID == "" {
		return ""
	}
	return " the request id " + api.RequestID
}

func findThrottled(f *Facts) *Finding {
	api := f.stoppedBy(func(status int) bool {
		return status == http.StatusTooManyRequests || status == http.StatusRequestEntityTooLarge
	})
	if api == nil {
		return nil
	}
	return &Finding{
		Confidence: Certain, What: fmt.Sprintf("%s admits no further calls for now", api.Service),
		Evidence: apiEvidence(api), Fix: Fix{Words: "wait a minute"},
	}
}

func findNeutronBreaksNova(f *Facts) *Finding {
	if !f.Nova.ListWorks {
		return nil
	}
	found := &Finding{
		Confidence: Probable,
		What:       "nova lists servers, but fails to show them in detail, as it does where neutron is down",
		Fix:        Fix{Words: "tell the operator; a server's id may work in place of its name"},
	}
	var api *openstack.APIError
	if errors.As(f.Nova.Lookup, &api) {
		found.Evidence = apiEvidence(api)
	}
	return found
}

func findCellDown(f *Facts) *Finding {
	if f.Nova.Server == nil || f.Nova.Server.Status != "UNKNOWN" {
		return nil
	}
	return &Finding{
		Confidence: Certain,
		What:       fmt.Sprintf("the part of the cloud that holds %s is down: nova gives status UNKNOWN", f.Nova.Server.ID),
		Fix:        Fix{Words: "tell the operator that the cell of server " + f.Nova.Server.ID + " is down"},
	}
}

func findMicroversion(f *Facts) *Finding {
	api := f.stoppedBy(func(status int) bool { return status == http.StatusNotAcceptable })
	if api == nil {
		return nil
	}
	return &Finding{
		Confidence: Certain, What: "nova refuses the API's microversion, and every lower one that it names",
		Evidence: apiEvidence(api), Fix: Fix{Words: "tell the operator: a proxy before nova may cut the header X-OpenStack-Nova-API-Version"},
	}
}

func findEndpointUnreachable(f *Facts) *Finding {
	var unreachable *openstack.UnreachableError
	if f.Setup.SignIn != nil || !errors.As(f.stopper(), &unreachable) || isTLS(unreachable) {
		return nil
	}
	found := &Finding{
		Confidence: Certain,
		What:       fmt.Sprintf("the catalog's endpoint %s is not reached from here: %s", unreachable.URL, innermost(unreachable)),
		Evidence:   []string{"keystone answers at " + f.Setup.AuthURL},
		Fix:        Fix{Words: "override the endpoint in clouds.yaml, or start the VPN"},
	}
	if f.Setup.Interface != "public" && f.Setup.Interface != "" {
		found.Fix = Fix{Command: "osssh --os-interface public " + terminal.Quote(f.Name)}
	}
	return found
}

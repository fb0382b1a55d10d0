package openstack

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

// service is a service by its official type.
type service string

const (
	compute  service = "compute"
	network  service = "network"
	images   service = "image"
	volumes  service = "block-storage"
	identity service = "identity"
)

// aliases are the types under which catalogs and clouds.yaml name a service,
// best first (service-types-authority).
func (s service) aliases() []string {
	if s == volumes {
		return []string{"block-storage", "volumev3", "block-store", "volume"}
	}
	return []string{string(s)}
}

// defaultPath is where the API begins under an endpoint that names no version.
// Asking the endpoint for its versions instead would cost a round trip, and
// fails behind many proxies.
func (s service) defaultPath(projectID string) string {
	switch s {
	case compute:
		return "v2.1"
	case network:
		return "v2.0"
	case images:
		return "v2"
	case volumes:
		return path.Join("v3", url.PathEscape(projectID))
	}
	return "v3"
}

var versionElement = regexp.MustCompile(`/v[0-9]+(\.[0-9]+)?(/|$)`)

// versioned completes an endpoint with the version of its API; it ends in "/".
// An endpoint that names one is taken as it is.
func versioned(s service, endpoint, projectID string) string {
	base := strings.TrimRight(endpoint, "/")
	u, err := url.Parse(base)
	if err == nil && versionElement.MatchString(u.Path) {
		return base + "/"
	}
	return base + "/" + s.defaultPath(projectID) + "/"
}

// catalog is the list of services that comes with a token.
type catalog []tokens.CatalogEntry

// endpoint finds the URL of a service. An empty region takes the first one, as
// keystoneauth does.
func (c catalog) endpoint(s service, region, iface string) (string, error) {
	for _, alias := range s.aliases() {
		for _, entry := range c {
			if entry.Type != alias {
				continue
			}
			for _, e := range entry.Endpoints {
				if e.URL != "" && e.Interface == iface && (region == "" || region == e.Region || region == e.RegionID) {
					return e.URL, nil
				}
			}
		}
	}
	regions := c.regions()
	return "", &ServiceMissingError{
		Service:       string(s),
		Region:        region,
		Interface:     iface,
		Regions:       regions,
		RegionUnknown: region != "" && !slices.Contains(regions, region),
	}
}

func (c catalog) regions() []string {
	var regions []string
	for _, entry := range c {
		for _, e := range entry.Endpoints {
			for _, region := range []string{e.Region, e.RegionID} {
				if region != "" {
					regions = append(regions, region)
				}
			}
		}
	}
	slices.Sort(regions)
	return slices.Compact(regions)
}

// endpoint gives the base URL of a service for a session: what clouds.yaml
// says of that service, else the catalog.
func (cloud *Cloud) endpoint(s service, session *session) (string, error) {
	own := cloud.Services[string(s)]
	if own.Endpoint != "" {
		fill := strings.NewReplacer("%(project_id)s", session.ProjectID, "%(tenant_id)s", session.ProjectID)
		return versioned(s, fill.Replace(own.Endpoint), session.ProjectID), nil
	}
	region, iface := firstOf(own.Region, cloud.Region), firstOf(own.Interface, cloud.Interface)
	found, err := session.Catalog.endpoint(s, region, iface)
	if err != nil {
		return "", err
	}
	return versioned(s, found, session.ProjectID), nil
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

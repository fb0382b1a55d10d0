package openstack

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// novaMicroversion is asked for without looking first: every field of Server
// is in it, and clouds since 2019 (Stein) have it.
const novaMicroversion = "2.72"

// consoleTimeout is short because a dead compute host answers only when nova's
// own message times out, after a minute.
const consoleTimeout = 10 * time.Second

// ComputeURL is nova's endpoint, "" where there is none.
func (c *Client) ComputeURL() string {
	base, err := c.cloud.endpoint(compute, c.current())
	if err != nil {
		return ""
	}
	return base
}

// Server gives one server by its id.
func (c *Client) Server(ctx context.Context, id string) (*Server, error) {
	var server Server
	if err := c.nova(ctx, request{path: "servers/" + url.PathEscape(id)}, &answer{key: "server", into: &server}); err != nil {
		return nil, err
	}
	return &server, nil
}

// Servers gives all servers of the project, page by page as they are taken. It
// ends after the first error.
func (c *Client) Servers(ctx context.Context) iter.Seq2[Server, error] {
	return singly(c.ServerPages(ctx))
}

// ServerPages gives all servers of the project as nova pages them, each page
// asked for as it is taken; the first one also where there are no servers. It
// ends after the first error.
func (c *Client) ServerPages(ctx context.Context) iter.Seq2[[]Server, error] {
	return c.servers(ctx, nil)
}

// ServersMatching gives the servers whose name matches a regular expression of
// the cloud's database, unanchored (nova.db.main.api._regex_instance_filter).
// Databases differ in dialect and case: the caller must filter again.
func (c *Client) ServersMatching(ctx context.Context, regex string) ([]Server, error) {
	return collect(c.servers(ctx, url.Values{"name": {regex}}))
}

// ServersChangedSince is ServersMatching with servers that were deleted since
// then, as far as the cloud still shows them.
func (c *Client) ServersChangedSince(ctx context.Context, regex string, since time.Time) ([]Server, error) {
	return collect(c.servers(ctx, url.Values{
		"name":          {regex},
		"changes-since": {since.UTC().Format(time.RFC3339)},
	}))
}

func (c *Client) servers(ctx context.Context, filter url.Values) iter.Seq2[[]Server, error] {
	return pages(ctx, filter, func(ctx context.Context, query url.Values) (page[Server], error) {
		var found []Server
		out := &answer{key: "servers", into: &found}
		err := c.nova(ctx, request{path: "servers/detail", query: query}, out)
		return page[Server]{found, out.more}, err
	}, func(s Server) string { return s.ID })
}

// ListsServers says whether nova lists servers by id and name, which it does
// without neutron; GET /servers/detail asks neutron for each one's groups
// (nova.api.openstack.compute.views.servers).
func (c *Client) ListsServers(ctx context.Context) error {
	return c.nova(ctx, request{path: "servers", query: url.Values{"limit": {"1"}}}, &answer{key: "servers", into: &[]struct{}{}})
}

// Interfaces gives a server's ports as nova knows them, for where neutron is
// out of reach.
func (c *Client) Interfaces(ctx context.Context, serverID string) ([]Interface, error) {
	var found []Interface
	err := c.nova(ctx, request{path: "servers/" + url.PathEscape(serverID) + "/os-interface"},
		&answer{key: "interfaceAttachments", into: &found})
	return found, err
}

// Actions gives what was done to a server, newest first, as far back as nova's
// first page goes (1000 by default).
func (c *Client) Actions(ctx context.Context, serverID string) ([]Action, error) {
	var found []Action
	err := c.nova(ctx, request{path: "servers/" + url.PathEscape(serverID) + "/os-instance-actions"},
		&answer{key: "instanceActions", into: &found})
	return found, err
}

// KeepsRunning says whether the server's task, if it has one, leaves it running
// as it is (nova/compute/task_states.py).
func (s Server) KeepsRunning() bool {
	switch s.TaskState {
	case "", "image_snapshot", "image_snapshot_pending", "image_pending_upload", "image_uploading", "image_backup",
		"updating_password", "migrating":
		return true
	}
	return false
}

// PowerAction is an action that brings a server back to ACTIVE.
type PowerAction string

// The actions by the state that they lead out of (nova's API, "Run An Action").
const (
	Start    PowerAction = "os-start" // SHUTOFF
	Unpause  PowerAction = "unpause"  // PAUSED
	Resume   PowerAction = "resume"   // SUSPENDED
	Unshelve PowerAction = "unshelve" // SHELVED, SHELVED_OFFLOADED
)

// Power asks nova for an action; the server takes its time for it.
func (c *Client) Power(ctx context.Context, serverID string, action PowerAction) error {
	return c.nova(ctx, request{
		method: http.MethodPost,
		path:   "servers/" + url.PathEscape(serverID) + "/action",
		body:   map[string]any{string(action): nil},
	}, nil)
}

// Console gives the last lines of a server's console log, all that is kept if
// lines is negative. "" with no error means that there is nothing to show. It
// fails after 10 s where the compute host does not answer.
func (c *Client) Console(ctx context.Context, serverID string, lines int) (string, error) {
	arguments := map[string]any{}
	if lines >= 0 {
		arguments["length"] = lines
	}
	var body struct {
		Output string `json:"output"`
	}
	err := c.nova(ctx, request{
		method:  http.MethodPost,
		path:    "servers/" + url.PathEscape(serverID) + "/action",
		body:    map[string]any{"os-getConsoleOutput": arguments},
		repeat:  true,
		timeout: min(consoleTimeout, c.options.Timeout),
	}, &answer{into: &body})
	return body.Output, err
}

// nova sends a request at the usual microversion; a nova that is older says
// 406 once and is asked what it has.
func (c *Client) nova(ctx context.Context, r request, out *answer) error {
	r.service = compute
	used := c.microversion(c.current())
	err := c.do(ctx, r, out)
	if !hasStatus(err, http.StatusNotAcceptable) {
		return err
	}
	if lookup := c.lowerMicroversion(ctx, used); lookup != nil {
		return errors.Join(err, lookup)
	}
	return c.do(ctx, r, out)
}

// microversion is what nova is asked for in a session.
func (c *Client) microversion(s *session) string {
	base, err := c.cloud.endpoint(compute, s)
	if err != nil {
		return novaMicroversion
	}
	return firstOf(s.Learnt[base], novaMicroversion)
}

// lowerMicroversion asks nova's version document for the best version it has
// that is not above novaMicroversion, unless another call has done so since.
func (c *Client) lowerMicroversion(ctx context.Context, refused string) error {
	if err := c.learning.take(ctx); err != nil {
		return err
	}
	defer c.learning.give()
	now := c.current()
	if c.microversion(now) != refused {
		return nil
	}
	base, err := c.cloud.endpoint(compute, now)
	if err != nil {
		return err
	}
	var document struct {
		Version string `json:"version"`
	}
	if err := c.do(ctx, request{service: compute, url: versionRoot(base)}, &answer{key: "version", into: &document}); err != nil {
		return err
	}
	version := "2.1"
	if most, ok := minor(document.Version); ok {
		usual, _ := minor(novaMicroversion)
		version = fmt.Sprintf("2.%d", min(most, usual))
	}
	c.learn(base, version)
	return nil
}

// minor reads the second number of a microversion "2.N".
func minor(version string) (int, bool) {
	digits, ok := strings.CutPrefix(version, "2.")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 1
}

// versionRoot cuts what follows the version of an endpoint, such as a project id.
func versionRoot(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	if at := versionElement.FindStringIndex(u.Path); at != nil {
		u.Path = strings.TrimRight(u.Path[:at[1]], "/") + "/"
		u.RawPath = ""
	}
	return u.String()
}

package demo

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// SSHFault is a way in which an instance's SSH server misbehaves.
type SSHFault string

// The faults of an instance's SSH server.
const (
	SSHHealthy        SSHFault = ""
	SSHSilent         SSHFault = "silent"           // accepts and says nothing
	SSHClose          SSHFault = "close"            // accepts and closes
	SSHReset          SSHFault = "reset"            // accepts and resets
	SSHBlackHole      SSHFault = "black-hole"       // segments of more than 1300 bytes are lost: after its banner nothing comes (Linux), else is healthy
	SSHCloseInKex     SSHFault = "close-in-kex"     // closes after its banner
	SSHBannerEscape   SSHFault = "banner-escape"    // shows an authentication banner with escape sequences
	SSHHangAfterAuth  SSHFault = "hang-after-auth"  // lets one in and then answers nothing
	SSHDropMidSession SSHFault = "drop-mid-session" // loses the connection, Delay (default 300 ms) after a command began
	SSHRefuse         SSHFault = "refuse"           // nothing listens
	SSHBacklog        SSHFault = "backlog"          // drops SYNs (Linux), else is silent
	SSHNewHostKeys    SSHFault = "new-host-keys"    // from now on shows keys that no console told; healthy else
	SSHNoForward      SSHFault = "no-forward"       // opens no direct-tcpip channel, as with AllowTcpForwarding no
	SSHOld            SSHFault = "old"              // is OpenSSH 6.6, which takes RSA signatures with SHA-1 only
	SSHRootMessage    SSHFault = "root-message"     // the image's user is told to log in as "admin", who may; Delay: how long the message stays
)

var sshFaults = []SSHFault{SSHHealthy, SSHSilent, SSHClose, SSHReset, SSHBlackHole, SSHCloseInKex, SSHBannerEscape, SSHHangAfterAuth,
	SSHDropMidSession, SSHRefuse, SSHBacklog, SSHNewHostKeys, SSHNoForward, SSHOld, SSHRootMessage}

// Fault is what goes wrong: at an API if Service is set, at an instance if
// Instance is. Its JSON is what the control endpoint takes; there Delay is a
// string such as "2s".
type Fault struct {
	Cloud  string `json:"cloud,omitempty"`  // "other": it is at the second cloud; "": at the main one
	Broken bool   `json:"broken,omitempty"` // clouds.yaml has a cloud `broken` that nothing answers for; all other fields are ignored; it stays

	// At an API: requests that fit Service, Method ("" is any) and Path are
	// answered badly, the first Times of them (0: all). Path is as in Call,
	// without the query; "*" stands for one part, and what is below it fits too.
	Service    string        `json:"service,omitempty"`
	Method     string        `json:"method,omitempty"`
	Path       string        `json:"path,omitempty"`
	Times      int           `json:"times,omitempty"`
	Missing    bool          `json:"missing,omitempty"`    // the service is not in the catalog; all other fields are ignored
	Expire     bool          `json:"expire,omitempty"`     // all tokens given so far end at once; Service is keystone, all other fields are ignored
	Without    string        `json:"without,omitempty"`    // neutron lacks the extension of that alias, with what it brings; Service is neutron, all other fields are ignored
	Unreadable string        `json:"unreadable,omitempty"` // the security group of that name is another project's; Service is neutron, all other fields are ignored
	Record     string        `json:"record,omitempty"`     // a record is changed as an administrator, a driver or an agent would; see record. Service is nova, neutron or glance, of the others only Set counts
	Set        object        `json:"set,omitempty"`        // what Record's fields become; where Record ends in "/" a new one is made of it
	Joined     string        `json:"joined,omitempty"`     // "project": the user is in the other cloud's project too; "region": the other cloud is RegionTwo of this one; Service is keystone, all other fields are ignored
	Quota      string        `json:"quota,omitempty"`      // none more of that kind, such as "security_group_rule"; Service is neutron, of the others only Times counts
	Delay      time.Duration `json:"-"`                    // before the answer, which is the true one if no other field is set
	Status     int           `json:"status,omitempty"`     // with the service's own error body
	Body       string        `json:"body,omitempty"`       // in place of the error body
	RetryAfter string        `json:"retryAfter,omitempty"` // header of the answer
	NotJSON    bool          `json:"notjson,omitempty"`    // an HTML page, 200 if Status is 0
	Huge       bool          `json:"huge,omitempty"`       // a JSON string of 1 GiB
	Hang       bool          `json:"hang,omitempty"`       // no answer until the client goes
	Close      bool          `json:"close,omitempty"`      // the connection is closed instead

	// At an instance, by its server's name. Nil pointers leave things as they are.
	Instance     string            `json:"instance,omitempty"`
	SSH          *SSHFault         `json:"ssh,omitempty"`
	ServerStatus *string           `json:"serverStatus,omitempty"` // nova's: "SHUTOFF", "ERROR", …
	Console      *string           `json:"console,omitempty"`      // the whole console output from now on
	Rename       *string           `json:"rename,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`  // more of it, such as demo_boot (see lasts)
	Duplicate    bool              `json:"duplicate,omitempty"` // one more server of that name, without an SSH server
}

// UnmarshalJSON reads the control endpoint's form. There "status" is a number
// for an API and nova's word for an instance.
func (f *Fault) UnmarshalJSON(data []byte) error {
	type plain Fault
	wire := struct {
		*plain
		Delay  string          `json:"delay"`
		Status json.RawMessage `json:"status"`
	}{plain: (*plain)(f)}
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	if len(wire.Status) > 0 {
		target := any(&f.Status)
		if wire.Status[0] == '"' {
			target = &f.ServerStatus
		}
		if err := json.Unmarshal(wire.Status, target); err != nil {
			return err
		}
	}
	if wire.Delay == "" {
		return nil
	}
	var err error
	f.Delay, err = time.ParseDuration(wire.Delay)
	return err
}

// Inject makes a fault happen from now on.
func (c *Cloud) Inject(f Fault) error {
	switch {
	case f.Cloud == otherName && c.other != nil:
		return c.other.Inject(f)
	case f.Cloud != "" && f.Cloud != c.name:
		return fmt.Errorf("demo: unknown cloud %q", f.Cloud)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.Broken && c.other != nil {
		return c.writeClouds(true)
	}
	if f.Instance == "" {
		if !slices.Contains([]string{"keystone", "nova", "neutron", "glance", "cinder"}, f.Service) {
			return fmt.Errorf("demo: unknown service %q", f.Service)
		}
		if f.Expire {
			clear(c.identity.tokens)
			return nil
		}
		if f.Record != "" {
			return c.setRecord(f)
		}
		if f.Quota != "" && !f.exhaust(c.network.collections) {
			return fmt.Errorf("demo: no quota for %q", f.Quota)
		}
		c.faults = append(c.faults, &f)
		c.refresh()
		return nil
	}
	at := slices.IndexFunc(c.servers, func(s *server) bool { return s.name == f.Instance && s.instance != nil && !s.deleted })
	if at < 0 {
		return fmt.Errorf("demo: unknown instance %q", f.Instance)
	}
	return c.afflict(c.servers[at], f)
}

// exhaust makes a quota's refusal of a fault (neutron_lib/exceptions, OverQuota);
// false if there is no such resource.
func (f *Fault) exhaust(all map[string]*collection) bool {
	for path, col := range all {
		if col.one == f.Quota {
			f.Method, f.Path, f.Status = http.MethodPost, "/v2.0/"+path, http.StatusConflict
			body, err := encode(neutronError(f.Status, "OverQuota", "Quota exceeded for resources: ['"+f.Quota+"']."))
			f.Body = string(body)
			return err == nil
		}
	}
	return false
}

// ClearFaults heals the APIs and all SSH servers and brings the consoles' own
// text back. Statuses, names, metadata, host keys and clouds.yaml stay as they are.
func (c *Cloud) ClearFaults() {
	if c.other != nil {
		c.other.ClearFaults()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = nil
	for _, s := range c.servers {
		if s.instance != nil {
			s.instance.fault, s.instance.override = SSHHealthy, nil
		}
	}
	c.refresh()
}

func (c *Cloud) afflict(s *server, f Fault) error {
	i := s.instance
	if f.SSH != nil {
		if !slices.Contains(sshFaults, *f.SSH) {
			return fmt.Errorf("demo: unknown fault %q", *f.SSH)
		}
		i.fault, i.faultDelay = *f.SSH, f.Delay
		if i.fault == SSHNewHostKeys {
			i.fault = SSHHealthy
			if err := i.makeHostKeys(); err != nil {
				return err
			}
			if err := i.writeSSHD(); err != nil {
				return err
			}
		}
	}
	if f.ServerStatus != nil {
		s.status, s.task, i.phase = *f.ServerStatus, nil, doorOpen
		i.boots++
		if !stateOf(s.status).up {
			i.hangUp()
		}
	}
	if f.Console != nil {
		i.override = f.Console
	}
	if f.Rename != nil {
		s.name = *f.Rename
	}
	maps.Copy(s.metadata, f.Metadata)
	if f.Duplicate {
		twin := *s
		twin.id, twin.instance, twin.metadata, twin.created = newID(), nil, map[string]string{}, time.Now()
		c.addServer(&twin)
		c.plug(&twin, c.networkID("private"), []string{c.groupID("default")})
	}
	c.refresh()
	return nil
}

// hidden says whether a fault keeps a service out of the catalog.
func (c *Cloud) hidden(service string) bool {
	return slices.ContainsFunc(c.faults, func(f *Fault) bool { return f.Missing && f.Service == service })
}

// standing says whether a fault is a state of the cloud, not an answer to some request.
func (f *Fault) standing() bool {
	return f.Missing || f.Without != "" || f.Unreadable != "" || f.Joined != ""
}

// takeFault finds the fault that a request meets and counts it; nil if there is none.
func (c *Cloud) takeFault(service, method, path string) *Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := slices.IndexFunc(c.faults, func(f *Fault) bool {
		return !f.standing() && f.Service == service && (f.Method == "" || f.Method == method) && below(path, f.Path)
	})
	if at < 0 {
		return nil
	}
	f := *c.faults[at]
	if c.faults[at].Times > 0 {
		if c.faults[at].Times--; c.faults[at].Times == 0 {
			c.faults = slices.Delete(c.faults, at, at+1)
		}
	}
	return &f
}

// below says whether path is the pattern or lies below it.
func below(path, pattern string) bool {
	parts := strings.Split(path, "/")
	for n, want := range strings.Split(strings.TrimSuffix(pattern, "/"), "/") {
		if n >= len(parts) || want != "*" && want != parts[n] {
			return false
		}
	}
	return true
}

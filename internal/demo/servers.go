package demo

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// server is one of nova's. Its instance is nil for a mere record.
type server struct {
	id, name, status string
	image, volume    string // one of them: what it boots from
	flavor           string
	keyName          string
	created, updated time.Time
	launched         time.Time
	metadata         map[string]string
	tags             []string
	task             *string // nova's task_state; each task has a pointer of its own
	locked           bool
	deleted          bool
	actions          []object
	shown            object // fields that nova shows in place of the true ones
	instance         *Instance
}

// state is what a status goes with.
type state struct {
	vm    string
	power int  // nova/compute/power_state.py
	up    bool // an SSH server answers
}

func stateOf(status string) state {
	switch status {
	case "ACTIVE", "PASSWORD", "MIGRATING":
		return state{"active", 1, true}
	case "REBOOT", "HARD_REBOOT", "REBUILD", "RESIZE", "REVERT_RESIZE":
		return state{"active", 1, false}
	case "VERIFY_RESIZE":
		return state{"resized", 1, true}
	case "RESCUE":
		return state{"rescued", 1, true}
	case "BUILD":
		return state{"building", 0, false}
	case "SHUTOFF":
		return state{"stopped", 4, false}
	case "PAUSED":
		return state{"paused", 3, false}
	case "SUSPENDED":
		return state{"suspended", 7, false}
	case "SHELVED":
		return state{"shelved", 4, false}
	case "SHELVED_OFFLOADED":
		return state{"shelved_offloaded", 4, false}
	case "DELETED":
		return state{"deleted", 0, false}
	case "SOFT_DELETED":
		return state{"soft-delete", 4, false}
	}
	return state{"error", 0, false}
}

// note writes a line into the server's action log.
func (c *Cloud) note(s *server, action string) {
	s.updated = time.Now()
	s.actions = append(s.actions, object{
		"action": action, "instance_uuid": s.id, "request_id": "req-" + newID(), "user_id": c.identity.userID,
		"project_id": c.identity.projectID, "start_time": micros(s.updated), "message": nil,
	})
}

func (c *Cloud) addServer(s *server) {
	c.servers = append(c.servers, s)
	c.byID[s.id] = s
	s.actions = nil
	c.note(s, "create")
	s.updated = s.launched
}

func (c *Cloud) serverLinks(s *server) []object {
	return []object{{"rel": "self", "href": c.base + novaRoot + "/servers/" + s.id}, c.bookmark("servers", s.id)}
}

// query is what a listing asks for.
type query struct {
	name   *regexp.Regexp
	status string
	tags   []string
	since  time.Time
	limit  int
	marker string
}

var serverFilters = []string{"name", "status", "changes-since", "limit", "marker", "sort_key", "sort_dir", "all_tenants",
	"deleted", "tags", "tags-any", "not-tags", "not-tags-any", "image", "flavor", "ip", "ip6", "host", "reservation_id",
	"project_id", "tenant_id", "user_id", "vm_state", "task_state", "power_state", "key_name", "uuid", "locked",
	"changes-before", "availability_zone", "description", "hostname", "created_at", "access_ip_v4", "access_ip_v6"}

func parseQuery(r *request) (q query, wrong *reply) {
	v := r.URL.Query()
	for key := range v {
		if r.minor >= 75 && !slices.Contains(serverFilters, key) && !strings.HasPrefix(key, "_") {
			return q, refuse(failure("nova", http.StatusBadRequest, fmt.Sprintf("'%s' does not match any of the regexes: '^_'", key)))
		}
	}
	if all := v.Get("all_tenants"); all != "" && all != "0" && !strings.EqualFold(all, "false") {
		return q, refuse(failure("nova", http.StatusForbidden,
			"Policy doesn't allow os_compute_api:servers:index:get_all_tenants to be performed."))
	}
	if v.Has("name") {
		expression, err := regexp.Compile("(?i)" + v.Get("name")) // as MySQL's collations compare
		if err != nil || v.Get("name") == "" {
			return q, refuse(invalid("name", v.Get("name"), "'"+v.Get("name")+"' is not a 'regex'"))
		}
		q.name = expression
	}
	if since := v.Get("changes-since"); since != "" {
		at, err := time.Parse(time.RFC3339, since)
		if err != nil {
			at, err = time.Parse("2006-01-02T15:04:05", since)
		}
		if err != nil {
			return q, refuse(invalid("changes-since", since, "'"+since+"' is not a 'date-time'"))
		}
		q.since = at
	}
	q.limit = maxPage
	if limit := v.Get("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 0 {
			return q, refuse(invalid("limit", limit, "'"+limit+"' does not match '^[0-9]*$'"))
		}
		if n > 0 {
			q.limit = min(n, maxPage)
		}
	}
	q.marker, q.status = v.Get("marker"), strings.ToUpper(v.Get("status"))
	if tags := v.Get("tags"); tags != "" && r.minor >= 26 {
		q.tags = strings.Split(tags, ",")
	}
	return q, nil
}

func (q query) matches(s *server) bool {
	switch {
	case (s.deleted || s.status == "SOFT_DELETED") && q.since.IsZero(), !q.since.IsZero() && s.updated.Before(q.since):
		return false
	case q.name != nil && !q.name.MatchString(s.name), q.status != "" && s.status != q.status:
		return false
	}
	return !slices.ContainsFunc(q.tags, func(tag string) bool { return !slices.Contains(s.tags, tag) })
}

func (c *Cloud) listServers(r *request, detail bool) reply {
	q, wrong := parseQuery(r)
	if wrong != nil {
		return *wrong
	}
	if q.marker != "" && c.byID[q.marker] == nil {
		return failure("nova", http.StatusBadRequest, "marker ["+q.marker+"] not found")
	}
	passed := q.marker == ""
	list, body := []object{}, object{}
	for _, s := range slices.Backward(c.servers) { // newest first
		if !passed {
			passed = s.id == q.marker
			continue
		}
		if !q.matches(s) {
			continue
		}
		if detail {
			list = append(list, c.viewServer(r, s, false))
		} else {
			list = append(list, object{"id": s.id, "name": s.name, "links": c.serverLinks(s)})
		}
		if len(list) == q.limit {
			body["servers_links"] = []object{{"rel": "next", "href": c.nextPage(r, s.id)}}
			break
		}
	}
	body["servers"] = list
	return reply{status: http.StatusOK, body: body}
}

package diagnose

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/resolve"
)

// serverCauses are those that the catalogue numbers with S.
func serverCauses() []Cause {
	return []Cause{
		{
			ID: "S1", Slug: "no-such-server", Layer: Name,
			Title: "no server has that name: a slip of the pen, or another case",
			Shows: "no such server",
			Told:  "the names that come close",
			Mends: "use the name as it is shown",
			Find:  findNoSuchServer,
		},
		{
			ID: "S2", Slug: "ambiguous-name", Layer: Name,
			Title: "several servers bear the name",
			Shows: "the name is ambiguous",
			Told:  "their ids",
			Mends: "osssh ID",
			Find:  findAmbiguousName,
		},
		{
			ID: "S3", Slug: "deleted", Layer: Name,
			Title: "the server was deleted",
			Shows: "no such server",
			Told:  "nova still lists it among what has changed",
			Mends: "nothing brings it back; make a new one",
			Find:  findDeleted,
		},
		{
			ID: "S4", Slug: "soft-deleted", Layer: State,
			Title: "the server was deleted, and can still be restored",
			Shows: "no such server by its name",
			Told:  "nova shows it as SOFT_DELETED: by its id, or among what has changed",
			Mends: "openstack server restore ID",
			Find:  findSoftDeleted,
		},
		{
			ID: "S5", Slug: "building", Layer: State,
			Title: "the server is still being built",
			Shows: "no address yet",
			Told:  "status BUILD and its task",
			Mends: "osssh --wait NAME",
			Find:  findBuilding,
		},
		{
			ID: "S6", Slug: "error", Layer: State,
			Title: "the server is in ERROR",
			Shows: "a timeout",
			Told:  "nova's fault message",
			Mends: "as the fault says; often delete it and make it again",
			Find:  findInError,
		},
		{
			ID: "S7", Slug: "shut-off", Layer: State,
			Title: "the server is switched off",
			Shows: "a timeout, or host unreachable",
			Told:  "status SHUTOFF; the action log says who did it and when",
			Mends: "osssh --start NAME",
			Find:  findShutOff,
		},
		{
			ID: "S8", Slug: "paused-or-suspended", Layer: State,
			Title: "the server is paused or suspended",
			Shows: "a timeout",
			Told:  "its status",
			Mends: "osssh --start NAME",
			Find:  findPaused,
		},
		{
			ID: "S9", Slug: "shelved", Layer: State,
			Title: "the server is shelved",
			Shows: "a timeout",
			Told:  "its status",
			Mends: "osssh --start NAME",
			Find:  findShelved,
		},
		{
			ID: "S10", Slug: "rescue", Layer: State,
			Title: "the server runs its rescue system, which has other host keys and often another user",
			Shows: "a changed host key, or permission denied",
			Told:  "status RESCUE",
			Mends: "openstack server unrescue ID",
			Find:  findRescue,
		},
		{
			ID: "S11", Slug: "in-transition", Layer: State,
			Title: "the server is being rebooted, rebuilt, resized or migrated",
			Shows: "refused connections or timeouts, for a while",
			Told:  "its task",
			Mends: "osssh --wait NAME",
			Find:  findInTransition,
		},
		{
			ID: "S12", Slug: "not-powered", Layer: State,
			Title: "the server counts as ACTIVE, but the hypervisor does not run it",
			Shows: "a timeout",
			Told:  "its power state",
			Mends: "openstack server reboot --hard ID",
			Find:  findNotPowered,
		},
		{
			ID: "S13", Slug: "compute-host-down", Layer: State,
			Title: "the machine that runs the server is down",
			Shows: "a timeout",
			Told:  "the host's status (for administrators), or a console log that cannot be had",
			Mends: "tell the operator",
			Find:  findComputeHostDown,
		},
	}
}

// notFound says that the project has no server of the name.
func (f *Facts) notFound() bool {
	var missing *resolve.NotFoundError
	return errors.As(f.Nova.Lookup, &missing)
}

func findNoSuchServer(f *Facts) *Finding {
	var missing *resolve.NotFoundError
	if !errors.As(f.Nova.Lookup, &missing) || len(missing.Deleted)+len(missing.Restorable) > 0 || len(f.Nova.Elsewhere) > 0 || f.Neutron.Owner != nil {
		return nil
	}
	found := &Finding{Confidence: Certain, What: fmt.Sprintf("no server %s in this project", f.Name), Fix: Fix{Command: "osssh list"}}
	var near []string
	for _, server := range missing.Near {
		if !slices.Contains(near, server.Name) {
			near = append(near, server.Name)
		}
	}
	if len(near) > 0 {
		found.Evidence = []string{"close to it: " + strings.Join(near, ", ")}
		found.Fix.Command = "osssh " + terminal.Quote(near[0])
	}
	return found
}

func findAmbiguousName(f *Facts) *Finding {
	var several *resolve.AmbiguousError
	if !errors.As(f.Nova.Lookup, &several) {
		return nil
	}
	found := &Finding{Confidence: Certain, What: fmt.Sprintf("%d servers are meant by %s", len(several.Servers), f.Name)}
	newest := several.Servers[0]
	for _, server := range several.Servers {
		found.Evidence = append(found.Evidence, fmt.Sprintf("%s %s, %s, created %s", server.ID, server.Name, server.Status, day(server.Created)))
		if server.Created.After(newest.Created.Time) {
			newest = server
		}
	}
	found.Fix = Fix{Command: "osssh " + newest.ID, Words: "the newest one; or another's id"}
	return found
}

func findDeleted(f *Facts) *Finding {
	var missing *resolve.NotFoundError
	if errors.As(f.Nova.Lookup, &missing) && len(missing.Deleted) > 0 && len(missing.Restorable) == 0 && len(f.Nova.Elsewhere) == 0 {
		gone := missing.Deleted[0]
		return &Finding{
			Confidence: Certain,
			What:       fmt.Sprintf("server %s (%s) was deleted at %s", f.Name, gone.ID, moment(gone.Updated)),
			Fix:        Fix{Words: "make a new one"},
		}
	}
	if server := f.Nova.Server; server != nil && server.Status == "DELETED" {
		return &Finding{Confidence: Certain, What: fmt.Sprintf("server %s (%s) is deleted", server.Name, server.ID), Fix: Fix{Words: "make a new one"}}
	}
	return nil
}

// inState makes a finding of a server in one of these states.
func inState(f *Facts, states ...string) *openstack.Server {
	if server := f.Nova.Server; server != nil && slices.Contains(states, server.Status) {
		return server
	}
	return nil
}

func findSoftDeleted(f *Facts) *Finding {
	server := inState(f, "SOFT_DELETED")
	var missing *resolve.NotFoundError
	if errors.As(f.Nova.Lookup, &missing) && len(missing.Restorable) > 0 {
		server = &missing.Restorable[0]
	}
	if server == nil {
		return nil
	}
	return &Finding{
		Confidence: Certain, What: fmt.Sprintf("%s was deleted, and can still be restored", server.Name),
		Evidence: f.lastAction("delete", "soft-delete"),
		Fix:      Fix{Command: "openstack server restore " + server.ID},
	}
}

func findBuilding(f *Facts) *Finding {
	server := inState(f, "BUILD")
	if server == nil {
		return nil
	}
	found := &Finding{
		Confidence: Certain, What: fmt.Sprintf("%s is still being built", server.Name),
		Fix: Fix{Command: "osssh --wait " + terminal.Quote(f.Name)},
	}
	if server.TaskState != "" {
		found.Evidence = []string{"nova's task: " + server.TaskState}
	}
	return found
}

func findInError(f *Facts) *Finding {
	server := inState(f, "ERROR")
	if server == nil {
		return nil
	}
	found := &Finding{
		Confidence: Certain, What: server.Name + " is in ERROR",
		Fix: Fix{Command: "openstack server show -c fault " + server.ID, Words: "if nothing of value is in it: delete it and make it again"},
	}
	if server.Fault != nil {
		found.What += ": " + server.Fault.Message
		found.Evidence = []string{fmt.Sprintf("fault %d at %s", server.Fault.Code, moment(server.Fault.Created))}
	}
	return found
}

func findShutOff(f *Facts) *Finding {
	return f.down("switched off", []string{"stop", "start"}, "SHUTOFF")
}

func findPaused(f *Facts) *Finding {
	if inState(f, "SUSPENDED") != nil {
		return f.down("suspended", []string{"suspend"}, "SUSPENDED")
	}
	return f.down("paused", []string{"pause"}, "PAUSED")
}

func findShelved(f *Facts) *Finding {
	return f.down("shelved", []string{"shelve", "shelveOffload"}, "SHELVED", "SHELVED_OFFLOADED")
}

// down is the finding of a server that can be started, with the action that
// brought it there.
func (f *Facts) down(is string, actions []string, states ...string) *Finding {
	server := inState(f, states...)
	if server == nil {
		return nil
	}
	return &Finding{
		Confidence: Certain, What: fmt.Sprintf("%s is %s (%s)", server.Name, is, server.Status),
		Evidence: f.lastAction(actions...),
		Fix:      Fix{Command: "osssh --start " + terminal.Quote(f.Name)},
	}
}

// lastAction says when one of these actions was done last, and by whom.
func (f *Facts) lastAction(names ...string) []string {
	var last *openstack.Action
	for i, action := range f.Nova.Actions {
		if slices.Contains(names, action.Action) && (last == nil || action.Start.After(last.Start.Time)) {
			last = &f.Nova.Actions[i]
		}
	}
	if last == nil {
		return nil
	}
	who := "user " + last.UserID
	if last.UserID == f.Nova.UserID {
		who = "you"
	}
	return []string{fmt.Sprintf("%s by %s at %s", last.Action, who, moment(last.Start))}
}

func findRescue(f *Facts) *Finding {
	server := inState(f, "RESCUE")
	if server == nil {
		return nil
	}
	return &Finding{
		Confidence: Certain, What: server.Name + " runs its rescue system: another host key, and the rescue image's user",
		Evidence: f.lastAction("rescue"),
		Fix:      Fix{Command: "openstack server unrescue " + server.ID, Words: "once it is repaired"},
		ByWire:   true,
	}
}

// transitions are nova's statuses of a server on its way (nova/api/openstack/common.py).
var transitions = []string{"REBOOT", "HARD_REBOOT", "REBUILD", "RESIZE", "REVERT_RESIZE", "MIGRATING"}

func findInTransition(f *Facts) *Finding {
	server := f.Nova.Server
	if server == nil || server.Status == "BUILD" {
		return nil
	}
	moving := slices.Contains(transitions, server.Status)
	if !moving && (server.Status != "ACTIVE" || server.KeepsRunning()) {
		return nil
	}
	what := fmt.Sprintf("%s is in transition: %s", server.Name, server.Status)
	if server.TaskState != "" {
		what += ", " + server.TaskState
	}
	return &Finding{Confidence: Certain, What: what, Fix: Fix{Command: "osssh --wait " + terminal.Quote(f.Name)}}
}

func findNotPowered(f *Facts) *Finding {
	server := inState(f, "ACTIVE")
	if server == nil || server.PowerState == nil || *server.PowerState == openstack.PowerRunning || server.TaskState != "" {
		return nil
	}
	return &Finding{
		Confidence: Certain,
		What:       fmt.Sprintf("%s counts as ACTIVE, but its hypervisor says %s", server.Name, powerName(*server.PowerState)),
		Evidence:   []string{fmt.Sprintf("power state %d; nova compares it every 10 minutes", *server.PowerState)},
		Fix:        Fix{Command: "openstack server reboot --hard " + server.ID, Words: "it restarts the server"},
	}
}

// powerName is a power state in words (nova/compute/power_state.py).
func powerName(state int) string {
	switch state {
	case openstack.PowerPaused:
		return "paused"
	case openstack.PowerShutdown:
		return "shut down"
	case openstack.PowerCrashed:
		return "crashed"
	case openstack.PowerSuspended:
		return "suspended"
	}
	return "that it has no state"
}

func findComputeHostDown(f *Facts) *Finding {
	server := f.Nova.Server
	if server == nil {
		return nil
	}
	if server.HostStatus == "DOWN" || server.HostStatus == "UNKNOWN" {
		return &Finding{
			Confidence: Certain, What: fmt.Sprintf("the machine that runs %s is %s", server.Name, server.HostStatus),
			Fix: Fix{Words: "tell the operator: server " + server.ID + " must be evacuated"},
		}
	}
	var api *openstack.APIError
	var silent *openstack.UnreachableError
	failed := errors.As(f.Nova.ConsoleErr, &api) && api.Status >= http.StatusInternalServerError && api.Status != http.StatusNotImplemented || errors.As(f.Nova.ConsoleErr, &silent)
	if !failed || server.Status != "ACTIVE" || !f.silent() {
		return nil
	}
	return &Finding{
		Confidence: Possible, What: fmt.Sprintf("the machine that runs %s may be down: its console log cannot be had", server.Name),
		Evidence: []string{"console log: " + f.Nova.ConsoleErr.Error()},
		Fix:      Fix{Words: "tell the operator about server " + server.ID},
	}
}

// silent says that something was dialled and nothing answered TCP.
func (f *Facts) silent() bool { return len(f.Probes) > 0 && f.blind() }

func moment(t openstack.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

func day(t openstack.Time) string { return t.UTC().Format("2006-01-02") }

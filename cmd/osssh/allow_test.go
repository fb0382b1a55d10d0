package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

type neutronGroup struct {
	ID, Name string
	Rules    []struct{ ID string } `json:"security_group_rules"`
}

// bindGroups gives the ports of a server another list of security groups; none
// at all with "off" turns their port security off.
//
//	groups SERVER [GROUP...]
//	groups SERVER off
func bindGroups(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 1 {
		ts.Fatalf("usage: groups SERVER [GROUP...]")
	}
	a := signedIn(ts)
	ids := []string{}
	for _, group := range a.groups() {
		if slices.Contains(args[1:], group.Name) {
			ids = append(ids, group.ID)
		}
	}
	change := object{"security_groups": ids}
	if slices.Contains(args[1:], "off") {
		change["port_security_enabled"] = false
	}
	var servers struct{ Servers []struct{ ID string } }
	a.call("GET", a.compute+"/servers?name=^"+args[0]+"$", nil, &servers)
	var ports struct{ Ports []struct{ ID string } }
	a.call("GET", a.network+"/v2.0/ports?device_id="+servers.Servers[0].ID, nil, &ports)
	for _, port := range ports.Ports {
		a.call("PUT", a.network+"/v2.0/ports/"+port.ID, object{"port": change}, nil)
	}
}

// saveState writes what allow and revoke could change into a file: the groups
// with their rules, and the ports with their groups.
//
//	state FILE
func saveState(ts *testscript.TestScript, _ bool, args []string) {
	a := signedIn(ts)
	var lines []string
	for _, group := range a.groups() {
		lines = append(lines, fmt.Sprint(group))
	}
	var ports struct {
		Ports []struct {
			ID     string
			Groups []string `json:"security_groups"`
		}
	}
	a.call("GET", a.network+"/v2.0/ports", nil, &ports)
	for _, port := range ports.Ports {
		slices.Sort(port.Groups)
		lines = append(lines, fmt.Sprint(port))
	}
	slices.Sort(lines)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}

func (a *api) groups() []neutronGroup {
	var answer struct {
		Groups []neutronGroup `json:"security_groups"`
	}
	a.call("GET", a.network+"/v2.0/security-groups", nil, &answer)
	return answer.Groups
}

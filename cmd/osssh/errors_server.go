package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/keystore"
	"osssh/reach"
	"osssh/resolve"
)

// The words for servers that cannot be reached by their nature, and for keys.

func sayNotFound(e *resolve.NotFoundError) words {
	w := words{what: "no server " + e.Name}
	for _, s := range e.Deleted {
		w.more = append(w.more, fmt.Sprintf("one of that name was deleted at %s (%s)", s.Updated.Format("2006-01-02 15:04 MST"), s.ID))
	}
	if len(e.Restorable) > 0 {
		gone := e.Restorable[0]
		w.more = append(w.more, fmt.Sprintf("one of that name was deleted at %s, and can be restored", gone.Updated.Format("2006-01-02 15:04 MST")))
		w.hint = "openstack server restore " + gone.ID
		return w
	}
	var names []string
	for _, s := range e.Near {
		if !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	switch len(names) {
	case 0:
		w.hint = "osssh list"
	default:
		w.hint = "did you mean " + strings.Join(names, ", ") + "?"
	}
	return w
}

func sayState(e *reach.StateError) words {
	id := terminal.Quote(e.Server.ID)
	w := words{what: fmt.Sprintf("%s is %s", e.Server.Name, e.Server.Status)}
	if e.Server.Fault != nil {
		w.what += ": " + e.Server.Fault.Message
	}
	switch e.Server.Status {
	case "BUILD":
		w.hint = "osssh --wait " + terminal.Quote(e.Server.Name)
	case "SHUTOFF", "PAUSED", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED":
		w.hint = "osssh --start " + terminal.Quote(e.Server.Name)
	case "SOFT_DELETED":
		w.hint = "openstack server restore " + id
	case "ERROR":
		w.hint = "openstack server show " + id
	}
	return w
}

func sayNoAddress(e *reach.NoAddressError) words {
	if e.Wanted.Given() {
		return words{what: e.Server.Name + wantedWords(e.Wanted), hint: "osssh resolve " + terminal.Quote(e.Server.Name)}
	}
	if len(e.Fixed) == 0 {
		return words{what: fmt.Sprintf("%s has no address at all", e.Server.Name), hint: "openstack server add network " + terminal.Quote(e.Server.ID) + " NETWORK"}
	}
	var fixed []string
	for _, address := range e.Fixed {
		fixed = append(fixed, address.String())
	}
	w := words{
		what: fmt.Sprintf("%s has no address that can be reached from here, only %s", e.Server.Name, strings.Join(fixed, ", ")),
		hint: "openstack floating ip create EXTERNAL-NETWORK; openstack server add floating ip " + terminal.Quote(e.Server.ID) + " ADDRESS",
	}
	if e.Family != 0 {
		w = words{what: fmt.Sprintf("%s has no IPv%d address that can be reached from here", e.Server.Name, e.Family)}
	}
	if len(e.Unsure) > 0 {
		w.more = append(w.more, fmt.Sprintf("%s could be another machine's: no host key of %s is known to tell", e.Unsure[0], e.Server.Name))
		w.hint = fmt.Sprintf("if it is surely the one: osssh --address %s %s", e.Unsure[0], terminal.Quote(e.Server.Name))
	}
	if e.Jump != nil {
		w.more = append(w.more, noJumpWords(e.Jump))
	}
	return w
}

func wantedWords(wanted resolve.Choice) string {
	switch {
	case wanted.Kind != "":
		return fmt.Sprintf(" has no %s address", wanted.Kind)
	case wanted.Network != "":
		return fmt.Sprintf(" has no address on network %s", wanted.Network)
	}
	return fmt.Sprintf(" has no address %s", wanted.Address)
}

func sayNoKey(e *reach.NoKeyError) words {
	w := words{what: fmt.Sprintf("no private key here matches keypair %s of %s", e.Server.KeyName, e.Server.Name)}
	if e.Server.KeyName == "" {
		w.what = fmt.Sprintf("%s was made without a keypair, and no private key here fits what its console shows", e.Server.Name)
	}
	if e.Wanted.Public != nil {
		w.more = append(w.more, fmt.Sprintf("it takes %s %s", e.Wanted.Public.Type(), ssh.FingerprintSHA256(e.Wanted.Public)))
	}
	w.more = append(w.more, fmt.Sprintf("looked at %d keys in %d files and %d in the agent", e.Result.Looked.Keys, e.Result.Looked.Files, e.Result.Looked.AgentKeys))
	for _, miss := range e.Result.Misses {
		w.more = append(w.more, "  "+missWords(miss))
	}
	w.hint = "osssh -i FILE " + terminal.Quote(e.Server.Name) + ", or copy the key to ~/.ssh"
	return w
}

// missWords says why a key file that looked right does not count.
func missWords(m keystore.Miss) string {
	switch m.Why {
	case keystore.Other:
		return m.Path + " is another key"
	case keystore.HiddenHalf:
		return m.Path + " is encrypted, and nothing tells whose key it is: name it with -i"
	case keystore.PublicOnly:
		return m.Path + " is only the public half"
	}
	return fmt.Sprintf("%s: %v", m.Path, m.Err)
}

// novaAddresses are the addresses of a server as nova knows them.
func novaAddresses(s openstack.Server) []netip.Addr {
	var all []netip.Addr
	for _, addresses := range s.Addresses {
		for _, a := range addresses {
			if address, err := netip.ParseAddr(a.Address); err == nil {
				all = append(all, address)
			}
		}
	}
	return all
}

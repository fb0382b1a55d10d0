package sshconfig

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// NotFoundError is a host that no CanonicalDomains made into a name, with
// CanonicalizeFallbackLocal no.
type NotFoundError struct{ Host string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("host %q is in none of the canonical domains", e.Host)
}

// errHostName is a HostName that stands for nothing.
var errHostName = errors.New("host name is empty")

// settleHost decides after the first pass what ssh would connect to, and
// whether that calls for a second one.
func (e *evaluator) settleHost() error {
	host, err := e.remoteHost()
	if err == nil && host == "" && e.text("hostname") != "" {
		err = errHostName
	}
	if err != nil {
		return &ConfigError{Origin: e.values["hostname"][0].Origin, Keyword: "hostname", Why: err}
	}
	if e.host, err = e.settleName(host); err != nil {
		return err
	}
	if c := e.text("canonicalizehostname"); c != "" && c != "no" {
		e.wantFinal = true
	}
	return nil
}

// settleName gives an address its usual form, where its family is asked for,
// and makes a name lower case and perhaps fully qualified.
func (e *evaluator) settleName(host string) (string, error) {
	if a, ok := numericAddress(host); ok {
		if family := e.text("addressfamily"); family == "inet" && !a.Is4() || family == "inet6" && a.Is4() {
			return host, nil
		}
		return a.String(), nil
	}
	if strings.ContainsAny(host, "%:") || strings.Trim(host, "0123456789.") == "" {
		return host, nil // can only be an address
	}
	return e.canonicalize(lowerASCII(host))
}

// canonicalize looks a name up under the CanonicalDomains.
func (e *evaluator) canonicalize(host string) (string, error) {
	mode := e.text("canonicalizehostname")
	direct := e.text("proxyjump") == "" && (e.text("proxycommand") == "" || isNone(e.text("proxycommand")))
	if mode == "" || mode == "no" || !direct && mode != "always" {
		return host, nil
	}
	maxDots := 1
	if n, err := strconv.Atoi(e.text("canonicalizemaxdots")); err == nil {
		maxDots = n
	}
	if !strings.HasSuffix(host, ".") && strings.Count(host, ".") > maxDots {
		return host, nil
	}
	for _, name := range e.qualified(host) {
		if e.o.Canonical == nil {
			break
		}
		if cname, ok := e.o.Canonical(e.ctx, name); ok {
			return e.followCNAME(strings.TrimSuffix(name, "."), strings.TrimSuffix(cname, ".")), nil
		}
	}
	if e.text("canonicalizefallbacklocal") == "no" {
		return "", &NotFoundError{Host: host}
	}
	return host, nil
}

// qualified are the names under which to look for a host, with their last dot.
func (e *evaluator) qualified(host string) []string {
	if strings.HasSuffix(host, ".") {
		return []string{host}
	}
	var names []string
	for _, domain := range e.values["canonicaldomains"] {
		if isNone(domain.Text) {
			break
		}
		names = append(names, host+"."+lowerASCII(strings.TrimSuffix(domain.Text, "."))+".")
	}
	return names
}

// followCNAME takes the name to which an alias leads, where a rule permits it.
func (e *evaluator) followCNAME(name, cname string) string {
	for _, rule := range e.values["canonicalizepermittedcnames"] {
		sources, targets, ok := strings.Cut(rule.Text, ":")
		if rule.Text == "*" {
			sources, targets, ok = "*", "*", true
		}
		if ok && matchPatternList(name, sources, true) == listMatched && matchPatternList(cname, targets, true) == listMatched {
			return cname
		}
	}
	return name
}

// numericAddress reads a host that is an address, also in the forms that
// inet_aton(3) takes: ssh connects to "127.1" as to 127.0.0.1.
func numericAddress(host string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a, true
	}
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var ip uint64
	for i, part := range parts {
		limit := uint64(0xff)
		last := i == len(parts)-1
		if last {
			limit = 1<<(8*(5-len(parts))) - 1
		}
		n, ok := parseCNumber(part)
		if !ok || n > limit {
			return netip.Addr{}, false
		}
		if last {
			ip = ip<<(8*(5-len(parts))) | n
		} else {
			ip = ip<<8 | n
		}
	}
	return netip.AddrFrom4([4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)}), true
}

// parseCNumber reads a number as C writes it: decimal, 0x hexadecimal or 0
// octal.
func parseCNumber(s string) (uint64, bool) {
	digits, base := s, 10
	switch {
	case len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X"):
		digits, base = s[2:], 16
	case len(s) > 1 && s[0] == '0':
		digits, base = s[1:], 8
	}
	n, err := strconv.ParseUint(digits, base, 32)
	return n, err == nil
}

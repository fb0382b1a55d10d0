package reach

import (
	"bufio"
	"encoding/hex"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// routes are the networks that this machine has a way to, other than by its
// default route, as the kernel lists them (proc(5), net/route; ipv6_route is
// written by net/ipv6/route.c). Routes that refuse are none.
func routes() []netip.Prefix {
	var found []netip.Prefix
	for _, fields := range table("/proc/net/route", 8) {
		flags, err := strconv.ParseUint(fields[3], 16, 32)
		address, ok := hostOrder(fields[1])
		mask, okMask := hostOrder(fields[7])
		if err == nil && ok && okMask && usable(flags) {
			found = append(found, netip.PrefixFrom(netip.AddrFrom4([4]byte(address)), ones(mask)))
		}
	}
	for _, fields := range table("/proc/net/ipv6_route", 10) {
		address, err := hex.DecodeString(fields[0])
		bits, errBits := strconv.ParseUint(fields[1], 16, 8)
		flags, errFlags := strconv.ParseUint(fields[8], 16, 32)
		if err == nil && errBits == nil && errFlags == nil && len(address) == 16 && usable(flags) && fields[9] != "lo" {
			found = append(found, netip.PrefixFrom(netip.AddrFrom16([16]byte(address)), int(bits)))
		}
	}
	return slices.DeleteFunc(found, func(p netip.Prefix) bool { return !p.IsValid() || p.Bits() == 0 })
}

func usable(flags uint64) bool { return flags&unix.RTF_UP != 0 && flags&unix.RTF_REJECT == 0 }

// table reads the lines that have at least n fields.
func table(path string, n int) [][]string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var rows [][]string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) >= n {
			rows = append(rows, fields)
		}
	}
	return rows
}

// hostOrder decodes an IPv4 address that was printed as a little-endian number.
func hostOrder(s string) ([]byte, bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 4 {
		return nil, false
	}
	slices.Reverse(b)
	return b, true
}

func ones(mask []byte) int {
	n := 0
	for _, b := range mask {
		for ; b&0x80 != 0; b <<= 1 {
			n++
		}
	}
	return n
}

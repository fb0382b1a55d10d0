package reach

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math/bits"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// routes are the networks that this machine has a way to, other than by its
// default route, as the kernel lists them.
func routes() []netip.Prefix {
	return append(listed("/proc/net/route", routes4), listed("/proc/net/ipv6_route", routes6)...)
}

func listed(path string, parse func(io.Reader) []netip.Prefix) []netip.Prefix {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	return parse(f)
}

// routes4 reads net/route (proc(5)). A route that refuses is none; that of a
// blackhole is only told by the device that it lacks (net/ipv4/fib_trie.c).
func routes4(list io.Reader) []netip.Prefix {
	var found []netip.Prefix
	for _, fields := range rows(list, 8) {
		address, ok := decode4(fields[1])
		mask, okMask := decode4(fields[7])
		if ok && okMask && fields[0] != "*" && usable(fields[3]) {
			found = append(found, netip.PrefixFrom(netip.AddrFrom4(address), ones(mask)))
		}
	}
	return slices.DeleteFunc(found, isDefault)
}

// routes6 reads ipv6_route (net/ipv6/route.c).
func routes6(list io.Reader) []netip.Prefix {
	var found []netip.Prefix
	for _, fields := range rows(list, 10) {
		address, err := hex.DecodeString(fields[0])
		length, errBits := strconv.ParseUint(fields[1], 16, 8)
		if err == nil && errBits == nil && len(address) == 16 && fields[9] != "lo" && usable(fields[8]) {
			found = append(found, netip.PrefixFrom(netip.AddrFrom16([16]byte(address)), int(length)))
		}
	}
	return slices.DeleteFunc(found, isDefault)
}

func isDefault(p netip.Prefix) bool { return !p.IsValid() || p.Bits() == 0 }

func usable(flags string) bool {
	set, err := strconv.ParseUint(flags, 16, 32)
	return err == nil && set&unix.RTF_UP != 0 && set&unix.RTF_REJECT == 0
}

// rows are the lines that have at least n fields.
func rows(list io.Reader, n int) [][]string {
	var found [][]string
	for lines := bufio.NewScanner(list); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) >= n {
			found = append(found, fields)
		}
	}
	return found
}

// decode4 decodes an IPv4 address that was printed as a number of this machine.
func decode4(s string) (address [4]byte, ok bool) {
	number, err := strconv.ParseUint(s, 16, 32)
	binary.NativeEndian.PutUint32(address[:], uint32(number))
	return address, err == nil && len(s) == 8
}

func ones(mask [4]byte) int { return bits.OnesCount32(binary.BigEndian.Uint32(mask[:])) }

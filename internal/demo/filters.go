package demo

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// controls are the query keys that filter nothing.
var controls = []string{"fields", "limit", "marker", "sort_key", "sort_dir", "page_reverse"}

// derived are filters on what no record of ours holds, ignored where they are asked for.
var derived = []string{"tags", "tags-any", "not-tags", "not-tags-any"}

// unknownFilters lists the query keys that no record of the collection has:
// neutron with the extension filter-validation refuses them.
func (col *collection) unknownFilters(q url.Values) []string {
	var unknown []string
	for key := range q {
		known := slices.Contains(controls, key) || slices.Contains(derived, key) ||
			slices.Contains([]string{"id", "project_id", "tenant_id", "network_id", "subnet_id", "device_id", "mac_address",
				"floating_ip_address", "floating_network_id", "cidr", "security_group_id", "created_at", "updated_at"}, key)
		if _, has := col.defaults[key]; !known && !has {
			unknown = append(unknown, "'"+key+"'")
		}
	}
	slices.Sort(unknown)
	return unknown
}

// filter is one query key with its values, of which one must fit.
type filter struct {
	key    string
	values map[string]bool
}

func filters(q url.Values) []filter {
	var all []filter
	for key, values := range q {
		if slices.Contains(controls, key) || slices.Contains(derived, key) {
			continue
		}
		f := filter{key: key, values: map[string]bool{}}
		for _, v := range values {
			f.values[v] = true
		}
		all = append(all, f)
	}
	return all
}

func (col *collection) matches(o object, all []filter) bool {
	for _, f := range all {
		v, ok := o[f.key]
		if !ok {
			v = col.defaults[f.key]
		}
		if !f.admits(v) {
			return false
		}
	}
	return true
}

func (f filter) admits(v any) bool {
	switch v := v.(type) {
	case string:
		return f.values[v]
	case nil:
		return f.values[""]
	case bool:
		s := strconv.FormatBool(v)
		return f.values[s] || f.values[strings.ToUpper(s[:1])+s[1:]]
	case []string:
		return slices.ContainsFunc(v, func(s string) bool { return f.values[s] })
	case []object: // fixed_ips=ip_address=10.0.0.1
		return slices.ContainsFunc(v, func(o object) bool {
			for key, value := range o {
				if f.values[fmt.Sprintf("%s=%v", key, value)] {
					return true
				}
			}
			return false
		})
	}
	return f.values[fmt.Sprint(v)]
}

// sorted gives the records in the order that a listing asks for: by one field
// and then by id. As in MySQL a record without the field comes before the others.
func (col *collection) sorted(q url.Values) []object {
	key := q.Get("sort_key")
	if key == "" {
		return col.rows
	}
	sign := 1
	if q.Get("sort_dir") == "desc" {
		sign = -1
	}
	rows := slices.Clone(col.rows)
	slices.SortFunc(rows, func(a, b object) int {
		return sign * cmp.Or(cmp.Compare(text(a[key]), text(b[key])), cmp.Compare(text(a["id"]), text(b["id"])))
	})
	return rows
}

package openstack

import (
	"encoding/json"
	"net/netip"
	"strings"
	"time"
)

// The records of the APIs as they really are. A pointer stands where "absent"
// is not "false": a neutron without an extension leaves its fields out, and an
// absent `stateful` means stateful, an absent `port_security_enabled` means
// secured. Unknown fields are ignored.

// Server is one nova server, as GET /servers/detail gives it up to
// microversion 2.72.
type Server struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Status     string            `json:"status"`
	ProjectID  string            `json:"tenant_id"`
	UserID     string            `json:"user_id"`
	KeyName    string            `json:"key_name"` // "" where the server was made without a keypair
	Created    Time              `json:"created"`
	Updated    Time              `json:"updated"`
	LaunchedAt Time              `json:"OS-SRV-USG:launched_at"`
	Addresses  map[string][]Addr `json:"addresses"` // by network name: nova's cache, neutron wins
	AccessIPv4 string            `json:"accessIPv4"`
	AccessIPv6 string            `json:"accessIPv6"`
	Metadata   map[string]string `json:"metadata"`
	Image      ImageRef          `json:"image"` // zero where the server boots from a volume
	Volumes    []VolumeRef       `json:"os-extended-volumes:volumes_attached"`
	TaskState  string            `json:"OS-EXT-STS:task_state"`
	VMState    string            `json:"OS-EXT-STS:vm_state"`
	PowerState *int              `json:"OS-EXT-STS:power_state"`
	HostStatus string            `json:"host_status"` // admin only, microversion 2.16
	Fault      *Fault            `json:"fault"`       // only in ERROR and DELETED
	Locked     bool              `json:"locked"`
	// ConfigDrive is "True" where the guest gets its metadata from a disk, else ""
	// (nova/api/openstack/compute/servers.py).
	ConfigDrive string   `json:"config_drive"`
	Tags        []string `json:"tags"`
}

// Power states of nova (nova/compute/power_state.py).
const (
	PowerRunning   = 1
	PowerPaused    = 3
	PowerShutdown  = 4
	PowerCrashed   = 6
	PowerSuspended = 7
)

// Addr is one address in nova's view of a server.
type Addr struct {
	Address string `json:"addr"`
	Version int    `json:"version"`
	Type    string `json:"OS-EXT-IPS:type"` // "fixed" or "floating"
	MAC     string `json:"OS-EXT-IPS-MAC:mac_addr"`
}

// VolumeRef names a volume attached to a server.
type VolumeRef struct {
	ID string `json:"id"`
}

// Fault says why a server is in ERROR.
type Fault struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Created Time   `json:"created"`
}

// ImageRef is the image that a server was made from. Nova writes an object, or
// "" for a server that boots from a volume.
type ImageRef struct {
	ID string
	// Properties are there from microversion 2.98 on.
	Properties map[string]any
}

// UnmarshalJSON takes both of nova's forms.
func (r *ImageRef) UnmarshalJSON(b []byte) error {
	*r = ImageRef{}
	if s := strings.TrimSpace(string(b)); s == `""` || s == "null" {
		return nil
	}
	var object struct {
		ID         string         `json:"id"`
		Properties map[string]any `json:"properties"`
	}
	if err := json.Unmarshal(b, &object); err != nil {
		return err
	}
	*r = ImageRef(object)
	return nil
}

// Interface is one port of a server as nova shows it (GET /servers/{id}/os-interface).
type Interface struct {
	PortID     string    `json:"port_id"`
	PortState  string    `json:"port_state"`
	NetworkID  string    `json:"net_id"`
	MACAddress string    `json:"mac_addr"`
	FixedIPs   []FixedIP `json:"fixed_ips"`
}

// Action is one entry of a server's action log (GET /servers/{id}/os-instance-actions).
type Action struct {
	Action    string `json:"action"`
	RequestID string `json:"request_id"`
	Start     Time   `json:"start_time"`
	UserID    string `json:"user_id"`
	Message   string `json:"message"`
}

// Keypair is one nova keypair. CreatedAt is zero in a listing.
type Keypair struct {
	Name        string `json:"name"`
	Type        string `json:"type"` // "ssh" or "x509"; absent before microversion 2.2
	PublicKey   string `json:"public_key"`
	Fingerprint string `json:"fingerprint"` // ssh: MD5 of the key blob in colon-hex
	UserID      string `json:"user_id"`
	CreatedAt   Time   `json:"created_at"`
}

// Port is one neutron port.
type Port struct {
	ID                  string         `json:"id"`
	Name                string         `json:"name"`
	NetworkID           string         `json:"network_id"`
	ProjectID           string         `json:"project_id"`
	DeviceID            string         `json:"device_id"`
	DeviceOwner         string         `json:"device_owner"`
	Status              string         `json:"status"`
	AdminStateUp        bool           `json:"admin_state_up"`
	MACAddress          string         `json:"mac_address"`
	FixedIPs            []FixedIP      `json:"fixed_ips"`
	SecurityGroups      []string       `json:"security_groups"`
	AllowedAddressPairs []AddressPair  `json:"allowed_address_pairs"`
	PortSecurityEnabled *bool          `json:"port_security_enabled"`
	VNICType            string         `json:"binding:vnic_type"`   // "" counts as "normal"
	VIFType             string         `json:"binding:vif_type"`    // admin only
	VIFDetails          map[string]any `json:"binding:vif_details"` // admin only
}

// FixedIP is one address of a port.
type FixedIP struct {
	SubnetID  string     `json:"subnet_id"`
	IPAddress netip.Addr `json:"ip_address"`
}

// AddressPair is a further source address that a port may use: an address or a prefix.
type AddressPair struct {
	IPAddress  string `json:"ip_address"`
	MACAddress string `json:"mac_address"`
}

// FloatingIP is one neutron floating IP. PortID is "" where it is free or
// serves port forwardings.
type FloatingIP struct {
	ID                string           `json:"id"`
	FloatingIPAddress netip.Addr       `json:"floating_ip_address"`
	FixedIPAddress    netip.Addr       `json:"fixed_ip_address"`
	FloatingNetworkID string           `json:"floating_network_id"`
	PortID            string           `json:"port_id"`
	RouterID          string           `json:"router_id"`
	Status            string           `json:"status"`
	ProjectID         string           `json:"project_id"`
	PortForwardings   []PortForwarding `json:"port_forwardings"`
	PortDetails       *PortDetails     `json:"port_details"`
}

// PortForwarding leads a port of a floating IP, or a range of them, to a fixed
// address. For a range InternalPort and ExternalPort are 0. What is embedded in
// a floating IP lacks the ranges, and internal_port_id too without the extension
// floating-ip-port-forwarding-detail.
type PortForwarding struct {
	ID                string     `json:"id"`
	Protocol          string     `json:"protocol"`
	ExternalPort      int        `json:"external_port"`
	InternalPort      int        `json:"internal_port"`
	ExternalPortRange string     `json:"external_port_range"` // "2222:2230"; "" where unknown
	InternalPortRange string     `json:"internal_port_range"` // as long, or of one port
	InternalIPAddress netip.Addr `json:"internal_ip_address"`
	InternalPortID    string     `json:"internal_port_id"`
}

// PortDetails is what a floating IP tells of its port (extension fip-port-details).
type PortDetails struct {
	DeviceID    string `json:"device_id"`
	DeviceOwner string `json:"device_owner"`
	Status      string `json:"status"`
}

// Network is one neutron network.
type Network struct {
	ID                  string   `json:"id"`
	Name                string   `json:"name"`
	ProjectID           string   `json:"project_id"`
	External            bool     `json:"router:external"`
	Shared              bool     `json:"shared"`
	AdminStateUp        bool     `json:"admin_state_up"`
	PortSecurityEnabled *bool    `json:"port_security_enabled"`
	MTU                 int      `json:"mtu"`
	Subnets             []string `json:"subnets"`
}

// Router is one neutron router.
type Router struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	ProjectID    string   `json:"project_id"`
	AdminStateUp bool     `json:"admin_state_up"`
	Status       string   `json:"status"`
	Gateway      *Gateway `json:"external_gateway_info"` // nil: it leads nowhere
}

// Gateway is a router's leg in an external network.
type Gateway struct {
	NetworkID        string    `json:"network_id"`
	EnableSNAT       bool      `json:"enable_snat"`
	ExternalFixedIPs []FixedIP `json:"external_fixed_ips"`
}

// Subnet is one neutron subnet. GatewayIP is the zero Addr where there is none.
type Subnet struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	NetworkID  string       `json:"network_id"`
	IPVersion  int          `json:"ip_version"`
	CIDR       netip.Prefix `json:"cidr"`
	GatewayIP  netip.Addr   `json:"gateway_ip"`
	EnableDHCP bool         `json:"enable_dhcp"`
}

// SecurityGroup is one security group with the rules embedded in it.
type SecurityGroup struct {
	ID          string              `json:"id"`
	Name        string              `json:"name"`
	ProjectID   string              `json:"project_id"`
	Description string              `json:"description"`
	Shared      bool                `json:"shared"` // by RBAC: ports of other projects may bear it
	Stateful    *bool               `json:"stateful"`
	Rules       []SecurityGroupRule `json:"security_group_rules"`
}

// SecurityGroupRule is one rule as neutron shows it: a nil field is "any".
type SecurityGroupRule struct {
	ID                   string  `json:"id"`
	SecurityGroupID      string  `json:"security_group_id"`
	Direction            string  `json:"direction"` // "ingress" or "egress"
	EtherType            string  `json:"ethertype"` // "IPv4" or "IPv6"
	Protocol             *string `json:"protocol"`  // a name or a number as a string
	PortRangeMin         *int    `json:"port_range_min"`
	PortRangeMax         *int    `json:"port_range_max"`
	RemoteIPPrefix       *string `json:"remote_ip_prefix"` // may have host bits
	RemoteGroupID        *string `json:"remote_group_id"`
	RemoteAddressGroupID *string `json:"remote_address_group_id"`
	Description          string  `json:"description"`
	CreatedAt            Time    `json:"created_at"`
}

// AddressGroup is a named list of prefixes.
type AddressGroup struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Addresses []string `json:"addresses"`
}

// Image is one glance image with the properties that name its login user.
type Image struct {
	ID                string `json:"id"`
	Name              string `json:"name"`
	OSAdminUser       string `json:"os_admin_user"`
	OSDistro          string `json:"os_distro"`
	OSVersion         string `json:"os_version"`
	OSType            string `json:"os_type"`
	ImageOriginalUser string `json:"image_original_user"` // OSISM's image manager
}

// Volume is one cinder volume; ImageMetadata is what its image said when it was made.
type Volume struct {
	ID            string            `json:"id"`
	Bootable      string            `json:"bootable"` // "true" or "false"
	ImageMetadata map[string]string `json:"volume_image_metadata"`
}

// Time is a time of an OpenStack API. Some services leave the zone out: UTC is
// meant. null and "" are the zero time.
type Time struct{ time.Time }

// UnmarshalJSON reads RFC 3339 with or without zone and fraction.
func (t *Time) UnmarshalJSON(b []byte) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*t = Time{}
	if s == nil || *s == "" {
		return nil
	}
	parsed, err := time.Parse(time.RFC3339, *s)
	if err != nil {
		parsed, err = time.Parse("2006-01-02T15:04:05", *s)
	}
	t.Time = parsed
	return err
}

// FirewallGroup is one firewall group of FWaaS v2.
type FirewallGroup struct {
	ID              string   `json:"id"`
	Name            string   `json:"name"`
	AdminStateUp    bool     `json:"admin_state_up"`
	Status          string   `json:"status"` // ACTIVE, INACTIVE, DOWN, ERROR
	Ports           []string `json:"ports"`
	IngressPolicyID string   `json:"ingress_firewall_policy_id"` // "": everything is dropped
}

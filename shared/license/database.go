package license

import (
	"slices"
	"strings"
	"time"
)

// DBInstance holds the facts of one DB instance of RDS as one observation gave them.
type DBInstance struct {
	ID            ResourceID // "…/db:NAME"
	Class         string     // e.g. "db.r5.2xlarge.tpc2.mem4x"
	Engine        string     // e.g. "oracle-ee-cdb"
	EngineVersion string
	LicenseModel  string // e.g. "bring-your-own-license"; "" when RDS did not tell
	Status        string // e.g. "available"
	MultiAZ       bool   // a standby is kept in another zone
	Created       time.Time
	// Processor is what somebody set otherwise than the class has it; what was left
	// as it is, is zero.
	Processor   CPUOptions
	ReplicaOf   string // the name or ARN of its source; "" for none
	Mounted     bool   // a replica that nobody can read
	HasReplicas bool
	// OptionGroups are the groups that it is a member of; Options those that are in
	// them, as far as they were asked for.
	OptionGroups []string
	Options      []DBOption
	Tags         map[string]string
}

// DBOption is one option of an option group.
type DBOption struct {
	Name     string            // e.g. "SQLT"
	Settings map[string]string // e.g. LICENSE_PACK: T
}

// License models of RDS (API reference, CreateDBInstance, 2026). SQL Server's is
// called "bring your own media" in the user guide.
const (
	BringYourOwnLicense = "bring-your-own-license"
	bringYourOwnMedia   = "bring-your-own-media"
)

// Edition returns the engine as License Manager's filter names it: that of a
// container database ("oracle-ee-cdb") and of RDS Custom ("custom-oracle-ee") is the
// edition itself.
func (d DBInstance) Edition() string {
	return strings.TrimSuffix(strings.TrimPrefix(d.Engine, "custom-"), "-cdb")
}

// BringsLicense reports whether the license is the customer's own. RDS does not tell
// the model of RDS Custom: what it does not tell counts.
func (d DBInstance) BringsLicense() bool {
	return d.LicenseModel == BringYourOwnLicense || d.LicenseModel == bringYourOwnMedia || d.LicenseModel == ""
}

// DiscoversDatabase reports whether a product finds a database, and says in words what
// it found. Only one that brings its own license is found: the other licenses are
// AWS's, or were bought with the database.
func (p Product) DiscoversDatabase(d DBInstance) (what string, ok bool) {
	if p.ResourceType != RDS || !d.BringsLicense() {
		return "", false
	}
	packs := d.LicensePacks()
	for _, f := range p.Filters {
		holds := false
		switch f.Name {
		case FilterEngineEdition:
			holds = slices.Contains(f.Values, d.Edition())
		case FilterLicensePack:
			holds = slices.ContainsFunc(f.Values, func(pack string) bool { return slices.Contains(packs, pack) })
		}
		if !holds {
			return "", false
		}
	}
	return d.describe(packs), len(p.Filters) > 0
}

func (d DBInstance) describe(packs []string) string {
	parts := []string{strings.TrimSpace(d.Engine + " " + d.EngineVersion)}
	if d.MultiAZ {
		parts = append(parts, "Multi-AZ")
	}
	if d.ReplicaOf != "" && d.Mounted {
		parts = append(parts, "standby replica")
	} else if d.ReplicaOf != "" {
		parts = append(parts, "read replica")
	}
	if len(packs) > 0 {
		parts = append(parts, "packs "+strings.Join(packs, " and "))
	}
	return strings.Join(parts, ", ")
}

// LicensePacks returns what Oracle licenses beside the edition and the database uses,
// as the filter "License Pack" names it (RDS user guide, "Integrating with AWS License
// Manager", and the pages of the options, 2026):
//
//   - olap, ols: the option OLAP or OLS.
//   - diagnostic pack sqlt, tuning pack sqlt: the option SQLT by its setting
//     LICENSE_PACK: T has both, D the first, N none. A setting that is not told
//     counts as T.
//   - data guard: a replica that can be read (Active Data Guard; a mounted one needs
//     none), and what has replicas: it does not tell whether they can be read.
//
// They are in the order of the filter's values.
func (d DBInstance) LicensePacks() []string {
	if !strings.HasPrefix(d.Edition(), "oracle-") {
		return nil
	}
	var packs []string
	if d.ReplicaOf != "" && !d.Mounted || d.HasReplicas {
		packs = append(packs, "data guard")
	}
	if setting, ok := d.option("SQLT"); ok {
		switch pack := setting["LICENSE_PACK"]; pack {
		case "N":
		case "D":
			packs = append(packs, "diagnostic pack sqlt")
		default:
			packs = append(packs, "diagnostic pack sqlt", "tuning pack sqlt")
		}
	}
	if _, ok := d.option("OLS"); ok {
		packs = append(packs, "ols")
	}
	if _, ok := d.option("OLAP"); ok {
		packs = append(packs, "olap")
	}
	return packs
}

func (d DBInstance) option(name string) (settings map[string]string, ok bool) {
	i := slices.IndexFunc(d.Options, func(o DBOption) bool { return o.Name == name })
	if i < 0 {
		return nil, false
	}
	return d.Options[i].Settings, true
}

// Instance returns the database as what consumes licenses. Its type is the class, whose
// vCPUs are those of the EC2 type of that name, and its launch the creation. A class
// that the catalogue lacks is estimated.
func (d DBInstance) Instance(catalog Catalog) Instance {
	in := Instance{ID: d.ID, Type: d.Class, State: d.State(), LaunchTime: d.Created, Tags: d.Tags, TypeFacts: d.classFacts(catalog)}
	if d.MultiAZ {
		in.Tenancy = TenancyMultiAZ
	}
	if p := d.Processor; p != (CPUOptions{}) {
		if p.Cores == 0 {
			p.Cores = in.TypeFacts.Cores
		}
		if p.ThreadsPerCore == 0 {
			p.ThreadsPerCore = in.TypeFacts.ThreadsPerCore
		}
		in.CPUOptions = p
	}
	return in
}

// db2StandbyVCPUs is what a standby replica of Db2 counts, whatever its class (RDS user
// guide, "Requirements and considerations for RDS for Db2 replicas", 2026).
const db2StandbyVCPUs = 2

// classFacts returns what counting needs of the class: no vCPUs for an unknown one. The
// name is always there, so that nobody asks EC2 for a type of that name.
func (d DBInstance) classFacts(catalog Catalog) InstanceType {
	facts := InstanceType{Name: d.Class}
	if d.Mounted && strings.HasPrefix(d.Edition(), "db2-") {
		facts.VCPUs, facts.Cores, facts.ThreadsPerCore = db2StandbyVCPUs, db2StandbyVCPUs/2, 2
		return facts
	}
	t, ok := catalog.InstanceType(ClassType(d.Class))
	if !ok {
		return facts
	}
	facts.VCPUs, facts.Cores, facts.ThreadsPerCore = t.VCPUs, t.Cores, t.ThreadsPerCore
	if threads := threadsOfClass(d.Class); threads > 0 {
		facts.Cores, facts.ThreadsPerCore = ceilDiv(t.VCPUs, threads), threads
	}
	return facts
}

// ClassType returns the EC2 type that has the vCPUs of a DB instance class:
// "r5.2xlarge" for "db.r5.2xlarge.tpc1.mem2x". Such a class has more memory, and with
// tpc1 twice the cores with one thread each: the vCPUs are those of the size (RDS user
// guide, "Hardware specifications for DB instance classes", 2026).
func ClassType(class string) string {
	parts := strings.Split(strings.TrimPrefix(class, classPrefix), ".")
	if len(parts) < 2 {
		return ""
	}
	return parts[0] + "." + parts[1]
}

// classPrefix begins the name of a DB instance class.
const classPrefix = "db."

func threadsOfClass(class string) int64 {
	for _, part := range strings.Split(class, ".") {
		switch part {
		case "tpc1":
			return 1
		case "tpc2":
			return 2
		}
	}
	return 0
}

// State returns the database's status as EC2's state, by which licenses count. What runs
// no database and never will again without a person counts as stopped. A status that
// is not listed here counts as running: most tell of work on a database that runs (RDS
// user guide, "Viewing DB instance status", 2026).
func (d DBInstance) State() State {
	switch d.Status {
	case "creating", "starting":
		return Pending
	case "stopping":
		return Stopping
	case "stopped", "failed", "incompatible-restore", "insufficient-capacity",
		"inaccessible-encryption-credentials", "inaccessible-encryption-credentials-recoverable":
		return Stopped
	case "deleting":
		return ShuttingDown
	default:
		return Running
	}
}

// countsStandby is what applies where no rule says #countStandby: whether the vendor
// wants a license for the standby of a Multi-AZ database.
//
//   - Oracle: yes. "You must have a license for both the primary DB instance and the
//     standby DB instance in a Multi-AZ deployment" (RDS user guide, "Licensing Oracle
//     Multi-AZ deployments", 2026).
//   - Db2: no. The standby is cold: Db2 is installed and does not run (RDS user guide,
//     "Amazon RDS for Db2 licensing options", 2026).
//   - SQL Server: no. RDS takes licenses with Software Assurance only, which has a
//     passive failover instance in it (RDS user guide, "Bring Your Own Media"; Microsoft
//     Product Terms, Server - fail-over rights, 2026).
//
// Contracts prevail: the rule is there for them.
func (c *Configuration) countsStandby() bool {
	for _, p := range c.Products {
		for _, f := range p.Filters {
			oracle := f.Name == FilterEngineEdition && slices.ContainsFunc(f.Values, func(v string) bool { return strings.HasPrefix(v, "oracle-") })
			if p.ResourceType == RDS && (oracle || f.Name == FilterLicensePack) {
				return true
			}
		}
	}
	return false
}

package main

import (
	"github.com/spf13/cobra"

	"licenseguard/shared/telemetry"
)

// completeLicenses completes the name of a license from a ledger in a folder. A
// deployed one is not asked: a shell would wait for it at each key.
func (r *reader) completeLicenses(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if r.stack != "" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	store, err := openFolder(r.dir)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer store.Close()
	configurations, _, err := store.Configurations(c.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for i := range configurations {
		names = append(names, telemetry.Clean(configurations[i].Name, 400)+"\t"+configurations[i].ID)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// yamlFiles completes license files.
func yamlFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

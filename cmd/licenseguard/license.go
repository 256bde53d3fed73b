package main

import "github.com/spf13/cobra"

// licenseCommand is what there is to do with licenses as people set them.
func licenseCommand() *cobra.Command {
	return group("license", "list, show and set licenses",
		licenseList(), licenseShow(), licenseApply(), licenseDiff(), licenseExport(), licenseHistory(), licenseCheckCommand())
}

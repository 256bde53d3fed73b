// Package report makes the reports that report generators ask for: a summary of
// licenses, or what used them, each day, week or month, or once. The bucket's layout
// is AWS License Manager's (user guide, "Usage reports", 2026):
// Reports/NAME/year/month/day/ID.csv; beside the CSV lie JSON and Parquet.
//
// A report says what is so when it is made. One that is made late, because nothing
// ran, says how late it is and which reports it stands for.
package report

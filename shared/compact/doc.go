// Package compact writes the change log a second time, as Parquet by day, account and
// Region: one file for a day where the log has thousands. The log itself stays as it is;
// it is what was said, this is for reading.
//
// A day is done when its manifest is there, which is written last, after every file was
// read back and compared with the log row by row. Doing a day again gives the same files.
package compact

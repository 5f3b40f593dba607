"""The steps of an experiment: functions from files and settings to files, declared once each."""

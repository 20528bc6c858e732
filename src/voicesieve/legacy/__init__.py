"""Reading the folders of the crawler that came before. Opens files for reading and changes nothing."""

"""The commands as the command line knows them: a short function each, with its options, examples and help.

They lie outside the package mytorch, which loads NumPy when it is imported: `mytorch --help` needs none of it. So each
function imports what does its work when it is called.
"""

/* python3.dll: the stable ABI that abi3 wheels import; every export is forwarded by a .def file. */
int DllMain(void *module, unsigned reason, void *reserved) { return 1; }
